"""Reports why a connection failed: mitmproxy knows it, but no stream shows it."""

from collections.abc import Callable

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import TlsData

from responses_tap.recorder.messages import Hint

_MOST_REPORTED = 1000


class ConnectionHints:
    """An addon that calls `on_hint` with one Hint for each cause, on the proxy's thread, which must not wait."""

    def __init__(self, on_hint: Callable[[Hint], object]) -> None:
        self._on_hint = on_hint
        self._reported: set[str] = set()

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """A server is down, or its name is unknown."""
        self._tell(_name(data.server), f"cannot reach {_name(data.server)} ({data.server.error})")

    def tls_failed_server(self, data: TlsData) -> None:
        """A server doesn't speak TLS, or isn't trusted."""
        assert isinstance(data.conn, Server)
        error = data.conn.error or ""
        advice = "; set SSL_CERT_FILE to trust a CA of your own" if "issuer" in error or "self-signed" in error else ""
        self._tell(_name(data.conn), f"no TLS with {_name(data.conn)} ({error}){advice}")

    def tls_failed_client(self, data: TlsData) -> None:
        """A client doesn't trust the CA, or gave up for another reason."""
        client = data.conn.peername[0] if data.conn.peername else "a client"
        message = f"no TLS with {client}: {data.conn.error}; `responses-tap clients` tells how to trust the CA"
        self._tell(client, message, is_refusal=True)

    def _tell(self, cause: str, message: str, *, is_refusal: bool = False) -> None:
        if cause not in self._reported and len(self._reported) < _MOST_REPORTED:
            self._reported.add(cause)
            self._on_hint(Hint(message, is_refusal))


def _name(connection: Connection) -> str:
    host, port = (connection.address or ("?", 0))[:2] if isinstance(connection, Server) else ("?", 0)
    return f"{host}:{port}"
