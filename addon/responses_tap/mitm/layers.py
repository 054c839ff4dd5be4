"""Finds the layers of a flow, for which mitmproxy has no API."""

from collections.abc import Iterator

from mitmproxy import ctx
from mitmproxy.connection import Client
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import HttpLayer, HttpStream
from mitmproxy.proxy.layers.http._http1 import Http1Client
from mitmproxy.proxy.server import ConnectionHandler


def handler_of(client: Client) -> ConnectionHandler | None:
    """The handler of a client's connection, and of those to servers on its behalf."""
    servers = ctx.master.addons.get("proxyserver")  # type: ignore[no-untyped-call]
    return servers.connections.get(client.id) if servers is not None else None


def stream_of(flow: HTTPFlow) -> HttpStream | None:
    """The layer that handles the flow while it is active."""
    return next((stream for stream in _streams(flow.client_conn) if getattr(stream, "flow", None) is flow), None)


def http_layer_of(stream: HttpStream) -> HttpLayer:
    """The layer right above the stream's."""
    layers = stream.context.layers
    layer = layers[layers.index(stream) - 1]
    assert isinstance(layer, HttpLayer)
    return layer


def http1_client_of(flow: HTTPFlow, http: HttpLayer) -> Http1Client | None:
    """The layer that speaks HTTP/1 with the flow's server; None for other versions."""
    stack = http.connections.get(flow.server_conn)
    last = stack.context.layers[-1] if stack is not None else None
    return last if type(last) is Http1Client else None


def _streams(client: Client) -> Iterator[HttpStream]:
    handler = handler_of(client)
    # Its whole stack: not every layer knows the one below it.
    layers: list[Layer | None] = [*handler.layer.context.layers] if handler is not None else []
    while layers:
        layer = layers.pop()
        if isinstance(layer, HttpStream):
            yield layer
        if isinstance(layer, HttpLayer):
            layers += layer.streams.values()
        elif layer is not None:  # a NextLayer calls the layer below it `layer`, the others `child_layer`
            layers += (getattr(layer, "child_layer", None), getattr(layer, "layer", None))
