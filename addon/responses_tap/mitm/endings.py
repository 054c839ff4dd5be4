"""Who ended a flow that broke off, from mitmproxy's message and the state of its TCP connections and HTTP layers.

mitmproxy's message is the same for an HTTP/2 stream reset by either side, for a connection that was reset or closed,
and for its own time-out or a client that left. Three more facts decide: which side's failure its HTTP layer is
handling, and whether that side's connection has reached its end or an error.
"""

import asyncio
import re
import weakref

from mitmproxy import ctx
from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.http import HTTPFlow

from responses_tap.mitm.layers import handler_of, stream_of
from responses_tap.protocol.bodies import UNREACHED
from responses_tap.recorder.messages import EndedBy, EndingMessage

_ABNORMAL_CLOSURE = 1006
"""The close code of a WebSocket whose connection ended without one (RFC 6455, section 7.4.1)."""
_STREAM_RESET = re.compile(r"stream (?:reset|closed) by client \((.*)\)")
"""mitmproxy's message for a stream of HTTP/2 or HTTP/3 that either peer reset."""


class TcpConnections:
    """The readers of open connections, to be examined when a flow has broken off and mitmproxy has dropped them."""

    def __init__(self) -> None:
        self._readers: weakref.WeakKeyDictionary[Connection, asyncio.StreamReader] = weakref.WeakKeyDictionary()

    def watch(self, client: Client, connection: Connection) -> None:
        """Remember a connection's reader; `client` is the one for whose request it was opened."""
        handler = handler_of(client)
        io = handler.transports.get(connection) if handler is not None else None
        if io is not None and isinstance(io.reader, asyncio.StreamReader):
            self._readers[connection] = io.reader

    def error(self, connection: Connection) -> BaseException | None:
        """What broke the connection, such as ConnectionResetError."""
        reader = self._readers.get(connection)
        return reader.exception() if reader is not None else None

    def is_left(self, connection: Connection) -> bool:
        """Whether the peer has closed it."""
        reader = self._readers.get(connection)
        if reader is None:
            return not connection.state & ConnectionState.CAN_READ
        return reader.at_eof() or reader.exception() is not None


def end_of(flow: HTTPFlow, connections: TcpConnections) -> EndingMessage:
    """How a flow with an error ended."""
    assert flow.error is not None
    message = flow.error.msg
    if message == flow.error.KILLED_MESSAGE:
        return EndingMessage("unknown", message, complete=False)
    if _is_client_at_fault(flow, message):
        return _by_client(flow.client_conn, message, connections)
    return _by_server(flow.server_conn, message, connections, answered=flow.response is not None)


def end_of_socket(flow: HTTPFlow, connections: TcpConnections) -> EndingMessage:
    """How a WebSocket ended."""
    assert flow.websocket is not None
    code, reason = flow.websocket.close_code, flow.websocket.close_reason or None
    side: EndedBy = "client" if flow.websocket.closed_by_client else "server"
    if code != _ABNORMAL_CLOSURE:
        how = f"the {side} closed the WebSocket ({' '.join(filter(None, (str(code), reason)))})"
        return EndingMessage(side, how, complete=True, close_code=code, close_reason=reason)
    connection = flow.client_conn if side == "client" else flow.server_conn
    if isinstance(error := connections.error(connection), OSError):
        how = f"the WebSocket's connection to the {side} broke ({error.strerror or error})"
        return EndingMessage("network", how, complete=False, close_code=code)
    return EndingMessage(side, f"the {side} dropped the WebSocket without closing it", complete=False, close_code=code)


def _by_client(client: Client, message: str, connections: TcpConnections) -> EndingMessage:
    if reset := _STREAM_RESET.search(message):
        return EndingMessage("client", f"the client reset the HTTP/2 stream ({reset[1]})", complete=False)
    if connections.is_left(client):
        return EndingMessage("client", f"the client closed the connection ({message})", complete=False)
    # The connection is intact, so mitmproxy closed it.
    idle = ctx.options.tcp_timeout
    return EndingMessage(
        "network", f"mitmproxy closed the connection, idle for its tcp_timeout of {idle} s", complete=False
    )


def _by_server(server: Server, message: str, connections: TcpConnections, *, answered: bool) -> EndingMessage:
    was_reached = server.timestamp_tls_setup if server.tls else server.timestamp_tcp_setup
    if not answered and not was_reached:
        return EndingMessage("network", f"{UNREACHED} ({message})", complete=False)
    if reset := _STREAM_RESET.search(message):
        return EndingMessage("network", f"the server's side reset the HTTP/2 stream ({reset[1]})", complete=False)
    if isinstance(error := connections.error(server), OSError):
        return EndingMessage(
            "network", f"the connection to the server broke ({error.strerror or error})", complete=False
        )
    if connections.is_left(server):
        return EndingMessage("server", f"the server closed the connection ({message})", complete=False)
    return EndingMessage("server", message, complete=False)


def _is_client_at_fault(flow: HTTPFlow, message: str) -> bool:
    if (stream := stream_of(flow)) is not None:
        # mitmproxy sets this before it reports a client's failure, but after reporting a server's.
        return bool(stream.client_state == stream.state_errored)
    return message.startswith("Client disconnected") or not flow.client_conn.state & ConnectionState.CAN_READ
