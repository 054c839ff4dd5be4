"""Minimal HTTP/2 over TLS: a server whose responses a test writes, and a client that it controls."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from mitmproxy.certs import CertStore


class Peer:
    """One end of an HTTP/2 connection."""

    def __init__(self, sock: ssl.SSLSocket, *, client: bool) -> None:
        assert sock.selected_alpn_protocol() == "h2"
        self.socket = sock
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=client))
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def receive(self) -> list[h2.events.Event]:
        """The next events; none at the connection's end."""
        data = self.socket.recv(2**16)
        events = self.h2.receive_data(data) if data else []
        for event in events:
            if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        with contextlib.suppress(OSError):
            self.flush()
        return events

    def send(self, stream: int, data: bytes) -> None:
        self.h2.send_data(stream, data)
        self.flush()


type Answer = Callable[[Peer, int], None]
"""Receives the connection and the number of a stream with a request."""


class Http2Upstream:
    """An HTTP/2 server that answers each stream with `answer`, once its request is complete."""

    def __init__(self, folder: Path, answer: Answer) -> None:
        self._answer = answer
        entry = CertStore.from_store(folder, "test", 2048).get_cert("localhost", [])
        pem = folder / "server.pem"
        pem.write_bytes(entry.cert.to_pem() + _key(entry.privatekey))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._context.set_alpn_protocols(["h2"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        left = contextlib.suppress(OSError, h2.exceptions.ProtocolError)
        with left, self._context.wrap_socket(connection, server_side=True) as sock:
            peer = Peer(sock, client=False)
            while events := peer.receive():
                for event in events:
                    if isinstance(event, h2.events.StreamEnded):
                        self._answer(peer, event.stream_id)


def connect(port: int, tunnel_to: str = "") -> Peer:
    """A client of the server on this port, or of the one behind the proxy there; it verifies no certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    if tunnel_to:
        connection.sendall(f"CONNECT {tunnel_to} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in connection.recv(4096)
    return Peer(context.wrap_socket(connection, server_hostname="localhost"), client=True)


def _key(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
