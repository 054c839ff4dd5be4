"""Passes a recorded event stream from the server's transport to the client's, past mitmproxy's layers.

Why: a single event costs bare mitmproxy some 90 µs. Little of that is the system's; most is a task switch, a lock,
seven layers of generators, h11, and a drain of all writers, to hand over a few hundred bytes that nothing in between
changes or looks at. Passing them on where they arrive costs half of that. (Events in bursts cost the same either way,
as long as `coalesce` makes one piece of a read.)

What: `StreamReader.feed_data` of the server's connection, which asyncio calls with whatever has arrived, is replaced
on that one reader, and nothing else is. mitmproxy's task keeps waiting in `reader.read`, and the transport, its
protocol and its flow control stay as they are: the end or loss of the connection and a time-out reach mitmproxy as
always, after all the bytes before them.

When: the headers have passed, mitmproxy's task waits for more with nothing buffered anywhere, the request is complete,
and the response's `stream` is our own relay. The server speaks HTTP/1.1 in chunks, plain or by TLS; the client
HTTP/1.1, plain. A read is passed on only as a whole, and only if all of it is plain chunks of data (`ChunkedBody`):
framed as mitmproxy would frame it, so that both may take turns anywhere in a body. Any other read is given to mitmproxy
unchanged, and the splice ends: the last chunk, so that mitmproxy ends the flow, runs the `response` hook and may
intercept it; an extension; half a head; an error. With TLS the records are peeked at and read only if they are plain,
so that mitmproxy finds any others, such as a close or an alert, in their place.

The same happens if a client is slow: with more waiting for it than the transport's limit, mitmproxy gets the connection
back and stops reading as usual. Reading is never paused here, because a reset in the meantime would go unnoticed until
it is resumed. At the next piece that mitmproxy passes, the splice is tried again.

Who else looks at the body: hooks never see a streamed one. Addons that set `response.stream` do: if set before ours,
there is no splice; if set after, the splice ends with the next read. With `store_streamed_bodies` there is none either.

What it depends on, all of it checked by `missing` when the addon starts; if anything is missing, or with `tap_splice`
off, mitmproxy passes everything itself:

- asyncio: `StreamReader._waiter`, which shows that a task waits and nothing is buffered; that `feed_data` may be
  replaced on an instance.
- mitmproxy's `ConnectionHandler`: `layer`, `transports`, `timeout_watchdog`, `server_event`.
- `HttpLayer.connections`; of `HttpStream` the two states; of `Http1Client` `state`, `read_body`, `buf`, `response`,
  `body_reader`; that the types of the layers say which protocol is spoken; of `ServerTLSLayer` `conn` and `tls`.
- h11's `ChunkedReader`: its place in the body (`coalesce`).
"""

import asyncio
import inspect
import logging
import socket
from collections import Counter
from collections.abc import Iterable
from typing import Any

from mitmproxy import ctx
from mitmproxy.connection import Client, ConnectionState
from mitmproxy.http import HTTPFlow
from mitmproxy.options import Options
from mitmproxy.proxy import events
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.http import HttpLayer, HTTPMode, HttpStream
from mitmproxy.proxy.layers.http._http1 import Http1Client, Http1Server
from mitmproxy.proxy.layers.tls import ServerTLSLayer
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO, TimeoutWatchdog
from OpenSSL import SSL

from responses_tap.mitm.coalesce import ChunkedBody, coalesce, knows_h11
from responses_tap.mitm.layers import handler_of, http1_client_of, http_layer_of, stream_of

_LARGEST_RECORD = 2**14
"""Bytes of data in a TLS record (RFC 8446, section 5.1)."""
_log = logging.getLogger(__name__)


class Splicer:
    """Shortens the path of responses where possible."""

    def __init__(self) -> None:
        self.paths = Counter[str]()
        """How often a body was `coalesced`, `spliced` and `given back` to mitmproxy."""
        self._live: dict[str, Splice] = {}
        self._missing: str | None = None

    def configure(self) -> None:
        """Check that mitmproxy is as expected and the options allow it, after each change of options."""
        if self._missing is None:
            self._missing = missing(ctx.master.event_loop)
            if self._missing:
                _log.info("streams take mitmproxy's own way: it has no %s", self._missing)
        if not self.is_allowed():
            for splice in list(self._live.values()):
                splice.give_back()

    def is_allowed(self) -> bool:
        """Whether nothing prevents it."""
        # The second option belongs to an addon that a custom mitmproxy need not have.
        options = ctx.options
        return not self._missing and options.tap_splice and not getattr(options, "store_streamed_bodies", False)

    def begin(self, flow: HTTPFlow) -> None:
        """Shorten the path of the body to come; its `stream` is our own relay, which changes nothing."""
        stream = stream_of(flow)
        if stream is None or not self.is_allowed():
            return
        client = http1_client_of(flow, http_layer_of(stream))
        if client is None:
            return
        coalesce(client)
        self.paths["coalesced"] += 1
        if (splice := _splice(self, flow, stream, client)) is not None:
            splice.arm()

    def end(self, flow: HTTPFlow) -> None:
        """The flow has ended: stop passing data, and let the flow hold no reference to the connection."""
        if (splice := self._live.get(flow.id)) is not None:
            splice.give_back()
        if flow.response is not None and isinstance(flow.response.stream, Splice):
            flow.response.stream = flow.response.stream.relay

    def note(self, flow_id: str, splice: "Splice | None") -> None:
        """From now on, the flow takes this short path; None: it no longer does."""
        if splice is not None:
            self._live[flow_id] = splice
            self.paths["spliced"] += 1
        else:
            del self._live[flow_id]
            self.paths["given back"] += 1


class Splice:
    """The short path of one response from a server without TLS.

    While mitmproxy has the connection, this replaces the relay: it tries to begin after the next piece.
    """

    def __init__(
        self, splicer: Splicer, flow: HTTPFlow, stream: HttpStream, http1: Http1Client, handler: ConnectionHandler
    ) -> None:
        assert flow.response is not None
        self._splicer, self._id, self._response = splicer, flow.id, flow.response
        self._server, self._stream, self._http1, self._handler = flow.server_conn, stream, http1, handler
        server, client = handler.transports[flow.server_conn], handler.transports[flow.client_conn]
        assert isinstance(server.reader, asyncio.StreamReader)
        assert isinstance(server.writer, asyncio.StreamWriter)
        assert isinstance(client.writer, asyncio.StreamWriter)
        self._reader, self._to_server, self._to_client = server.reader, server.writer.transport, client.writer.transport
        self._high_water = self._to_client.get_write_buffer_limits()[1]
        self.relay: Any = flow.response.stream
        """Records each piece and returns it."""
        self._body: ChunkedBody | None = None
        """Set while the body takes the short path."""

    def __call__(self, data: bytes) -> Iterable[bytes] | bytes:
        """Relay a piece that mitmproxy passes, then try to begin."""
        if data and self._response.stream is self:
            self._response.stream = self.relay
            asyncio.get_running_loop().call_soon(self._try)
        return self.relay(data)  # type: ignore[no-any-return]

    def arm(self) -> None:
        """Try again at the next piece, unless another addon handles the body by now."""
        if self._response.stream is self.relay:
            self._response.stream = self

    def give_back(self) -> None:
        """Give the connection back to mitmproxy, whose own reader of the body is at the same position."""
        if self._body is not None:
            self._body = None
            del self._reader.feed_data
            self._splicer.note(self._id, None)

    def _try(self) -> None:
        body: object = self._http1.body_reader
        is_ours = self._response.stream is self.relay and self._http1.response is self._response
        if not (is_ours and isinstance(body, ChunkedBody) and body.is_plain):
            return
        if not (self._is_server_idle() and self._keeps_client_up() and self._splicer.is_allowed()):
            self.arm()
            return
        self._body = body
        self._reader.feed_data = self._feed  # type: ignore[method-assign,assignment]
        self._splicer.note(self._id, self)

    def _is_server_idle(self) -> bool:
        """Whether mitmproxy waits for the server, within the body, and has passed everything on."""
        waiter, stream, http1 = self._reader._waiter, self._stream, self._http1  # type: ignore[attr-defined]  # noqa: SLF001
        return (
            waiter is not None
            and not waiter.done()
            and not http1.buf
            and http1.state == http1.read_body
            and stream.server_state == stream.state_stream_response_body
            and stream.client_state == stream.state_done
        )

    def _keeps_client_up(self) -> bool:
        return not self._to_client.is_closing() and self._to_client.get_write_buffer_size() <= self._high_water

    def _feed(self, data: bytes) -> None:
        """Replaces `feed_data`."""
        if not (self._is_undisturbed() and self._pass(data)):
            self.give_back()
            self._reader.feed_data(data)
            self.arm()

    def _is_undisturbed(self) -> bool:
        """Whether the body is still only ours, and mitmproxy hasn't closed either side."""
        return (
            self._response.stream is self.relay
            and self._server.state is ConnectionState.OPEN
            and not self._to_client.is_closing()
        )

    def _pass(self, data: bytes) -> bool:
        """Pass on what has arrived, if all of it is plain; return whether it was."""
        assert self._body is not None
        payload = self._body.payload(data)
        if payload is None:
            return False
        self._send(payload)
        return True

    def _send(self, payload: bytes) -> None:
        self._handler.timeout_watchdog.register_activity()  # type: ignore[no-untyped-call]
        if payload:
            self.relay(payload)
            self._to_client.write(b"%x\r\n%s\r\n" % (len(payload), payload))
            if self._to_client.get_write_buffer_size() > self._high_water:
                self.give_back()
                self.arm()


class TlsSplice(Splice):
    """The short path from a server with TLS; `layer` keeps the TLS state."""

    def __init__(self, *facts: Any, layer: ServerTLSLayer) -> None:
        super().__init__(*facts)
        self._layer = layer

    def _feed(self, data: bytes) -> None:
        self._layer.tls.bio_write(data)
        if not (self._is_undisturbed() and self._pass_records()):
            self.give_back()
            self.arm()
            self._wake()

    def _pass_records(self) -> bool:
        """Pass on the records that are plain chunks; return whether all were."""
        assert self._body is not None
        tls, payload, is_plain = self._layer.tls, b"", False
        try:
            while (more := self._body.payload(record := tls.recv(_LARGEST_RECORD, socket.MSG_PEEK))) is not None:
                payload += more
                tls.recv(len(record))
        except SSL.WantReadError:
            is_plain = True
        except SSL.Error:
            pass  # an end or an error, which mitmproxy's layer will meet again
        self._send(payload)
        self._answer()
        return is_plain

    def _answer(self) -> None:
        """Send what TLS itself needs to send, such as a key update."""
        try:
            while True:
                self._to_server.write(self._layer.tls.bio_read(2**16))
        except SSL.WantReadError:
            pass

    def _wake(self) -> None:
        """Have mitmproxy continue reading, unless it has closed: what has arrived is in the TLS connection already."""
        if self._server.state is not ConnectionState.OPEN:
            return
        event = events.DataReceived(self._server, b"")
        self._waking = asyncio.get_running_loop().create_task(self._handler.server_event(event))


def missing(loop: asyncio.AbstractEventLoop) -> str:
    """What mitmproxy or asyncio lacks of everything that this depends on; empty if nothing."""
    try:
        return _missing_attribute() or ("" if _can_feed(loop) else "StreamReader") or ("" if knows_h11() else "h11")
    except Exception as error:  # noqa: BLE001 (whatever has changed, it isn't what we expect)
        return repr(error)


def _splice(splicer: Splicer, flow: HTTPFlow, stream: HttpStream, http1: Http1Client) -> Splice | None:
    """The short path of a response; None where the two connections don't allow it."""
    handler = handler_of(flow.client_conn)
    if handler is None or not _is_plain(handler, flow, stream):
        return None
    facts = splicer, flow, stream, http1, handler
    layers = [layer for layer in http1.context.layers if isinstance(layer, ServerTLSLayer)]
    layers = [layer for layer in layers if layer.conn is flow.server_conn]
    if len(layers) != flow.server_conn.tls:
        return None
    return TlsSplice(*facts, layer=layers[0]) if layers else Splice(*facts)


def _is_plain(handler: ConnectionHandler, flow: HTTPFlow, stream: HttpStream) -> bool:
    """Whether chunks go to a client by HTTP/1 without TLS, and the server's connection isn't shared."""
    assert flow.response is not None
    server, client = (handler.transports.get(end) for end in (flow.server_conn, flow.client_conn))
    return (
        server is not None  # unlike behind another proxy
        and client is not None
        and isinstance(server.reader, asyncio.StreamReader)
        and isinstance(client.writer, asyncio.StreamWriter)
        and not flow.client_conn.tls
        and type(http_layer_of(stream).connections.get(flow.client_conn)) is Http1Server
        and "chunked" in flow.response.headers.get("transfer-encoding", "").lower()  # as in Http1Server
    )


def _missing_attribute() -> str:
    context = Context(Client(peername=("", 0), sockname=("", 0), timestamp_start=0), Options())
    handler = inspect.get_annotations(ConnectionHandler) | dict.fromkeys(dir(ConnectionHandler))
    needs: list[tuple[str, Any, str]] = [
        ("ConnectionHandler", handler, "layer transports timeout_watchdog server_event"),
        ("ConnectionIO", dir(ConnectionIO()), "reader writer"),
        ("TimeoutWatchdog", dir(TimeoutWatchdog), "register_activity"),
        ("HttpLayer", dir(HttpLayer(context, HTTPMode.regular)), "connections streams"),
        (
            "HttpStream",
            dir(HttpStream(context, 1)),
            "server_state client_state state_stream_response_body state_done",
        ),
        ("Http1Client", dir(Http1Client(context)), "state read_body buf response"),
        ("ServerTLSLayer", dir(ServerTLSLayer(context)), "tls conn"),
        ("SSL.Connection", dir(SSL.Connection), "recv bio_write bio_read"),
    ]
    return next((f"{name}.{each}" for name, has, names in needs for each in names.split() if each not in has), "")


def _can_feed(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether arriving data goes through a replaced `feed_data`."""
    reader = asyncio.StreamReader(loop=loop)
    fed: list[bytes] = []
    reader.feed_data = fed.append  # type: ignore[method-assign,assignment]
    asyncio.StreamReaderProtocol(reader, loop=loop).data_received(b"x")
    return fed == [b"x"] and reader._waiter is None  # type: ignore[attr-defined]  # noqa: SLF001
