"""Tells a person why a connection did not come about: mitmproxy knows it, and no stream shows it."""

from collections.abc import Callable

from mitmproxy.connection import Connection, Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import TlsData

from responses_tap.recorder.messages import Hint

_MOST_TOLD = 1000


class ConnectionHints:
    """An addon that gives `on_hint` one Hint for each cause, on the proxy's thread, which is not to wait."""

    def __init__(self, on_hint: Callable[[Hint], object]) -> None:
        self._on_hint = on_hint
        self._told: set[str] = set()

    def server_connect_error(self, data: ServerConnectionHookData) -> None:
        """A server is down, or there is none of that name."""
        self._tell(_name(data.server), f"cannot reach {_name(data.server)} ({data.server.error})")

    def tls_failed_server(self, data: TlsData) -> None:
        """A server speaks no TLS, or none that is trusted."""
        assert isinstance(data.conn, Server)
        error = data.conn.error or ""
        advice = "; set SSL_CERT_FILE to trust a CA of your own" if "issuer" in error or "self-signed" in error else ""
        self._tell(_name(data.conn), f"no TLS with {_name(data.conn)} ({error}){advice}")

    def tls_failed_client(self, data: TlsData) -> None:
        """A client does not trust the CA, or gave up for another reason."""
        client = data.conn.peername[0] if data.conn.peername else "a client"
        self._tell(
            client, f"no TLS with {client}: {data.conn.error}; `responses-tap clients` tells how to trust the CA"
        )

    def _tell(self, cause: str, message: str) -> None:
        if cause not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(cause)
            self._on_hint(Hint(message))


def _name(connection: Connection) -> str:
    host, port = (connection.address or ("?", 0))[:2] if isinstance(connection, Server) else ("?", 0)
    return f"{host}:{port}"
