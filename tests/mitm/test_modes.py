"""Every route from a client to a server: proxy modes, protocols, TLS, and what is reported when a route fails."""

import http.client
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from tests.conftest import RECORDINGS
from tests.tls import TlsUpstream, ask_by_h2, make_ca
from tests.upstream import SSE_HEAD, Upstream, ended, eventually, facts_hold, framed, rows

from responses_tap.mitm.proxy import CannotRecord, Proxy
from responses_tap.recorder.messages import Hint, Notice
from responses_tap.store import open_recording
from responses_tap_viewer.actions.recording.environment import TRUST

CLEAN = (RECORDINGS / "clean/text.sse").read_bytes()
EVENTS = [frame + b"\n\n" for frame in CLEAN.split(b"\n\n")[:-1]]


def serve(connection: socket.socket) -> None:
    connection.sendall(SSE_HEAD + b"".join(map(framed, EVENTS)) + b"0\r\n\r\n")


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "r.db"


@contextmanager
def proxied(db: Path, *modes: str, trust: Path | None = None, **more: object) -> Iterator[tuple[Proxy, list[str]]]:
    """A proxy, and its hints. It trusts the CA `trust` for servers."""
    hints: list[str] = []

    def note(notice: Notice) -> None:
        if isinstance(notice, Hint):
            hints.append(notice.message)

    options = {"ssl_verify_upstream_trusted_ca": str(trust) if trust else None}
    with Proxy(db, modes=modes, on_notice=note, options=options, **more) as proxy:
        yield proxy, hints


@contextmanager
def tls_upstream(folder: Path, *protocols: str) -> Iterator[tuple[TlsUpstream, Path]]:
    with TlsUpstream(folder, make_ca(folder), EVENTS, *protocols) as upstream:
        yield upstream, folder / "ca-ca-cert.pem"


def trusting(proxy: Proxy) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=proxy.ca.decode())


def tunnelled(proxy: Proxy, server: TlsUpstream, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    connection = http.client.HTTPSConnection("127.0.0.1", proxy.port, context=context)
    connection.set_tunnel("localhost", server.port)
    return connection


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port: int = free.getsockname()[1]
    return port


@pytest.mark.parametrize("protocols", [("h2",), ("http/1.1",)])
def test_http_2_through_a_proxy_with_a_ca(db: Path, tmp_path: Path, protocols: tuple[str, ...]) -> None:
    with tls_upstream(tmp_path, *protocols) as (upstream, ca), proxied(db, "regular", trust=ca) as (proxy, hints):
        assert ask_by_h2(proxy.port, upstream.port, proxy.ca) == (200, CLEAN)
        assert upstream.protocols == list(protocols)
    assert hints == []
    (row,) = rows(db)
    assert (row.http_version, row.state, row.ended_by, row.host) == ("HTTP/2.0", "completed", "server", "localhost")
    with open_recording(db) as recording:
        facts_hold(recording, row.id, CLEAN)


def test_one_connection_carries_several_requests(db: Path, tmp_path: Path) -> None:
    with tls_upstream(tmp_path, "http/1.1") as (upstream, ca), proxied(db, "regular", trust=ca) as (proxy, _):
        with closing(tunnelled(proxy, upstream, trusting(proxy))) as client:
            for _ in range(3):
                client.request("POST", "/v1/responses", "{}")
                assert client.getresponse().read() == CLEAN
        assert len(upstream.protocols) == 1
    assert [row.state for row in rows(db)] == ["completed"] * 3


def test_a_reverse_proxy_in_front_of_tls(db: Path, tmp_path: Path) -> None:
    with (
        tls_upstream(tmp_path, "h2", "http/1.1") as (upstream, ca),
        proxied(db, "reverse", trust=ca, upstream=f"{upstream.url}/v1") as (proxy, _),
        closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client,
    ):
        client.request("POST", "/v1/responses", "{}")
        assert client.getresponse().read() == CLEAN
    (row,) = rows(db)
    assert (row.http_version, row.state) == ("HTTP/1.1", "completed")


def test_a_proxy_behind_another_proxy(db: Path) -> None:
    with (
        Upstream(**{"http:": serve}) as other,
        proxied(db, f"upstream:{other.url}") as (proxy, _),
        closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client,
    ):
        client.request("POST", "http://api.example/v1/responses", "{}", {"Host": "api.example"})
        assert client.getresponse().read() == CLEAN
        assert other.requests[0].startswith(b"POST http://api.example/v1/responses HTTP/1.1")
    assert [(row.host, row.state) for row in rows(db)] == [("api.example", "completed")]


def test_several_modes_at_once(db: Path) -> None:
    with (
        Upstream(v1=serve) as upstream,
        proxied(db, "reverse", f"regular@{free_port()}", upstream=f"{upstream.url}/v1") as (proxy, _),
    ):
        assert [listener.mode for listener in proxy.listeners] == ["reverse", "regular"]
        for listener, path in zip(proxy.listeners, ("/v1/responses", f"{upstream.url}/v1/responses"), strict=True):
            with closing(http.client.HTTPConnection(listener.host, listener.port)) as client:
                client.request("POST", path, "{}")
                assert client.getresponse().read() == CLEAN
    assert [row.state for row in rows(db)] == ["completed"] * 2


def test_a_client_that_does_not_trust_the_ca_is_reported_once(db: Path, tmp_path: Path) -> None:
    with tls_upstream(tmp_path, "http/1.1") as (upstream, ca), proxied(db, "regular", trust=ca) as (proxy, hints):
        for _ in range(2):
            with (
                closing(tunnelled(proxy, upstream, ssl.create_default_context())) as client,
                pytest.raises(ssl.SSLCertVerificationError),
            ):
                client.request("POST", "/v1/responses", "{}")
        eventually(lambda: hints)
        with closing(tunnelled(proxy, upstream, trusting(proxy))) as client:
            client.request("POST", "/v1/responses", "{}")
            assert client.getresponse().read() == CLEAN
    (hint,) = hints
    assert hint.startswith("no TLS with 127.0.0.1: The client does not trust the proxy's certificate for localhost")
    assert hint.endswith("`responses-tap clients` tells how to trust the CA")


def test_a_server_that_is_not_trusted_is_reported(db: Path, tmp_path: Path) -> None:
    with tls_upstream(tmp_path, "http/1.1") as (upstream, _), proxied(db, "regular") as (proxy, hints):
        with closing(tunnelled(proxy, upstream, trusting(proxy))) as client:
            client.request("POST", "/v1/responses", "{}")
            assert client.getresponse().status == 502
        (row,) = ended(db)
    assert (row.state, row.ended_by) == ("http-error", "network")
    assert "the server was not reached (Certificate verify failed" in (row.end_reason or "")
    (hint,) = hints
    assert hint.startswith(f"no TLS with localhost:{upstream.port} (Certificate verify failed: ")
    assert hint.endswith("; set SSL_CERT_FILE to trust a CA of your own")


@pytest.mark.parametrize("mode", ["reverse", "regular"])
def test_a_host_that_does_not_exist_is_reported(db: Path, mode: str) -> None:
    with (
        proxied(db, mode, upstream="http://no-such-host.invalid") as (proxy, hints),
        closing(http.client.HTTPConnection("127.0.0.1", proxy.port)) as client,
    ):
        client.request("POST", "http://no-such-host.invalid/v1/responses", "{}")
        assert client.getresponse().status == 502
    (row,) = rows(db)
    assert (row.state, row.ended_by) == ("http-error", "network")
    (hint,) = hints
    assert hint.startswith("cannot reach no-such-host.invalid:80 (")


ASK = """
import http.client, os, ssl, sys, urllib.parse
proxy = urllib.parse.urlsplit(os.environ["HTTPS_PROXY"])
client = http.client.HTTPSConnection(proxy.hostname, proxy.port)  # trusts by SSL_CERT_FILE
client.set_tunnel("localhost", int(sys.argv[1]))
client.request("POST", "/v1/responses", "{}")
print(len(client.getresponse().read()))
print(os.environ["http_proxy"], os.environ["NODE_EXTRA_CA_CERTS"], os.environ["NODE_USE_ENV_PROXY"])
print(open(os.environ["CODEX_CA_CERTIFICATE"]).read().count("BEGIN CERTIFICATE"))
"""


def test_record_points_its_command_at_the_proxy(db: Path, tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if name not in TRUST}
    with tls_upstream(tmp_path, "http/1.1") as (upstream, ca):
        program = [sys.executable, "-m", "responses_tap_viewer", "record", "--db", str(db), "--listen", "127.0.0.1:0"]
        done = subprocess.run(
            [*program, "--mode", "regular", "--", sys.executable, "-c", ASK, str(upstream.port)],
            capture_output=True, text=True, check=False, timeout=120,
            env={**own, "SSL_CERT_FILE": str(ca), "HOME": str(tmp_path), "NO_PROXY": "elsewhere.example"},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    size, settings, certificates = done.stdout.splitlines()
    assert int(size) == len(CLEAN)
    address, bundle, node = settings.split()
    assert address.startswith("http://127.0.0.1:")
    assert not Path(bundle).exists()  # like the CA, it was for this run only
    assert not (tmp_path / ".mitmproxy").exists()
    assert node == "1"
    assert int(certificates) == 2  # the upstream's CA and the recorder's
    assert "Using a CA for this run only: there is none in ~/.mitmproxy" in done.stderr
    assert "NO_PROXY is set: requests to elsewhere.example bypass the recorder" in done.stderr
    assert [row.state for row in rows(db)] == ["completed"]


ASK_BY_SOCKS = """
import http.client, os, socket, ssl, sys, urllib.parse
proxy, port = urllib.parse.urlsplit(os.environ["ALL_PROXY"]), int(sys.argv[1])
assert proxy.scheme == "socks5h"
connection = socket.create_connection((proxy.hostname, proxy.port))
connection.sendall(bytes([5, 1, 0]))  # version 5, one method: without authentication
assert connection.recv(2) == bytes([5, 0])
connection.sendall(bytes([5, 1, 0, 3, 9]) + b"localhost" + port.to_bytes(2))  # connect to a name of 9 bytes
assert connection.recv(1024)[:2] == bytes([5, 0])
client = http.client.HTTPConnection("localhost")
client.sock = ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")
client.request("POST", "/v1/responses", "{}")
print(len(client.getresponse().read()))
"""


def test_a_command_is_pointed_at_a_socks_proxy(db: Path, tmp_path: Path) -> None:
    own = {name: value for name, value in os.environ.items() if name not in TRUST}
    with tls_upstream(tmp_path, "http/1.1") as (upstream, ca):
        program = [sys.executable, "-m", "responses_tap_viewer", "record", "--db", str(db), "--listen", "127.0.0.1:0"]
        done = subprocess.run(
            [*program, "--mode", "socks5", "--", sys.executable, "-c", ASK_BY_SOCKS, str(upstream.port)],
            capture_output=True, text=True, check=False, timeout=120, env={**own, "SSL_CERT_FILE": str(ca)},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(CLEAN)
    assert [row.state for row in rows(db)] == ["completed"]


def test_the_configuration_of_a_wireguard_client_is_printed(db: Path) -> None:
    port = free_port()
    with Proxy(db, modes=[f"wireguard@{port}"], on_notice=lambda _: None) as proxy:
        (listener,) = proxy.listeners
    assert f"Endpoint = 127.0.0.1:{port}" in listener.configuration
    assert "PrivateKey = " in listener.configuration


def test_a_mode_that_cannot_be_started_is_one_line(db: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("none")
    with pytest.raises(CannotRecord, match=r"^the mode wireguard:.*keys cannot be started \(Invalid .*$"):
        Proxy(db, modes=[f"wireguard:{tmp_path}/keys"])


def test_record_says_who_can_listen_and_what_to_set(db: Path, tmp_path: Path) -> None:
    program = [sys.executable, "-m", "responses_tap_viewer", "record", "--db", str(db), "--listen", "0.0.0.0:0"]
    proxy, second = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    modes = ["--mode", "reverse", "--mode", f"regular@{proxy}", "--mode", f"reverse@{second}"]
    modes += ["--upstream", "http://localhost:9/v1"]
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen([*program, *modes], stderr=subprocess.PIPE, text=True))
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line.strip())
            if line.startswith("Press Ctrl-C"):
                break
        process.terminate()
        assert process.wait() == 0
    text = "\n".join(lines)
    assert text.count("Warning: listening on 0.0.0.0; anyone on the network can use this proxy.") == 1
    assert "export OPENAI_BASE_URL=http://0.0.0.0:" in text
    assert f"export OPENAI_BASE_URL=http://{second}/v1" in text
    assert f"export HTTPS_PROXY=http://{proxy} HTTP_PROXY=http://{proxy} " in text
    assert "export NODE_USE_ENV_PROXY=1" in text
    assert "export SSL_CERT_FILE=" in text


@pytest.mark.parametrize(
    ("modes", "words"),
    [
        (["regular", "reverse"], "give each mode a port, as in regular@8091"),
        (["upstream:"], "invalid mode 'upstream': expected reverse, regular, upstream:URL, socks5"),
        (["regular", "foo"], "invalid mode 'foo': expected reverse, regular, upstream:URL, socks5"),
    ],
)
def test_impossible_modes_are_one_line(db: Path, modes: list[str], words: str) -> None:
    with pytest.raises(CannotRecord, match=words):
        Proxy(db, modes=modes, upstream="http://h")


@pytest.mark.parametrize(
    "mode", ["upstream:http://u:planted@h:1", "upstream:foo://u:planted@h", "reverse:http://planted@h@1"]
)
def test_an_impossible_mode_does_not_show_its_password(db: Path, mode: str) -> None:
    with pytest.raises(CannotRecord) as raised:
        Proxy(db, modes=[mode], upstream="http://h")
    assert "planted" not in str(raised.value)
