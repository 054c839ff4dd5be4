"""A TLS server, and a client, that speak HTTP/2 and HTTP/1.1: what ALPN agrees on."""

import socket
import ssl
import threading
from pathlib import Path
from typing import Self

import h2.config
import h2.connection
import h2.events
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mitmproxy.certs import CertStore
from tests.upstream import SSE_HEAD, framed


def make_ca(folder: Path) -> CertStore:
    """A new CA; its certificate is `ca-ca-cert.pem` in the folder."""
    return CertStore.from_store(folder, "ca", 2048)


def server_context(folder: Path, ca: CertStore, *protocols: str) -> ssl.SSLContext:
    """What a server for localhost needs, certified by `ca`."""
    entry = ca.get_cert("localhost", [x509.DNSName("localhost")])
    pem = folder / "server.pem"
    pem.write_bytes(entry.cert.to_pem() + _key(ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.set_alpn_protocols(list(protocols))
    return context


class TlsUpstream:
    """Plays the events to every request, by the protocols that it offers; certified for localhost by `ca`."""

    def __init__(self, folder: Path, ca: CertStore, events: list[bytes], *protocols: str) -> None:
        self.protocols: list[str] = []
        """What each connection has agreed on."""
        self._events = events
        context = server_context(folder, ca, *protocols)
        self._socket = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"https://localhost:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except ssl.SSLError:
                continue  # a client that does not trust us
            except OSError:
                return
            self.protocols.append(connection.selected_alpn_protocol() or "")
            serve = self._serve_h2 if self.protocols[-1] == "h2" else self._serve_h1
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    def _serve_h1(self, connection: ssl.SSLSocket) -> None:
        with connection, connection.makefile("rb") as requests:
            while requests.readline():
                size = 0
                while (line := requests.readline()) != b"\r\n":
                    if not line:
                        return  # the client has hung up
                    size = int(line.split(b":")[1]) if line.lower().startswith(b"content-length:") else size
                requests.read(size)
                connection.sendall(SSE_HEAD + b"".join(map(framed, self._events)) + b"0\r\n\r\n")

    def _serve_h2(self, connection: ssl.SSLSocket) -> None:
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        state.initiate_connection()
        with connection:
            connection.sendall(state.data_to_send())
            while data := connection.recv(65536):
                for event in state.receive_data(data):
                    if isinstance(event, h2.events.StreamEnded):
                        self._answer(connection, state, event.stream_id)
                connection.sendall(state.data_to_send())

    def _answer(self, connection: ssl.SSLSocket, state: h2.connection.H2Connection, stream: int) -> None:
        state.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream")])
        for event in self._events:
            state.send_data(stream, event)
            connection.sendall(state.data_to_send())
        state.end_stream(stream)


def _key(ca: CertStore) -> bytes:
    return ca.default_privatekey.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def ask_by_h2(proxy_port: int, server_port: int, ca: bytes) -> tuple[int, bytes]:
    """The status and body that a client gets which speaks HTTP/2 through a proxy whose CA it trusts."""
    tunnel = socket.create_connection(("127.0.0.1", proxy_port))
    tunnel.sendall(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % server_port)
    assert b" 200 " in tunnel.recv(4096)
    context = ssl.create_default_context(cadata=ca.decode())
    context.set_alpn_protocols(["h2", "http/1.1"])
    state = h2.connection.H2Connection()
    state.initiate_connection()
    authority = f"localhost:{server_port}"
    head = [(":method", "POST"), (":scheme", "https"), (":authority", authority), (":path", "/v1/responses")]
    state.send_headers(1, head)
    state.send_data(1, b'{"model":"m"}', end_stream=True)
    status, body = 0, b""
    with context.wrap_socket(tunnel, server_hostname="localhost") as connection:
        connection.sendall(state.data_to_send())
        while data := connection.recv(65536):
            for event in state.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    status = int(dict(event.headers)[b":status"])
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                elif isinstance(event, h2.events.StreamEnded):
                    return status, body
    raise AssertionError("the stream was cut")
