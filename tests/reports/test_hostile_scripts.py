"""Scripts and tests exported from a stranger's recording, run by shells, curl and Python: they only send requests."""

import functools
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.strangers import GOOD, LIVE, asked, reproduction, run, written

from responses_tap.errors import UnusableInput
from responses_tap.escaping import printable
from responses_tap_viewer.cli import main
from responses_tap_viewer.reports.export_formats import FORMATS

SHELLS = [pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell), reason=f"needs {shell}"))
          for shell in ("dash", "bash")]  # fmt: skip
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
TOUCH = ";touch PWN;echo $(touch PWN) `touch PWN`"


class Echo(BaseHTTPRequestHandler):
    """Keeps what it receives; responds with an event stream."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"] or 0))
        self.server.seen.append((self.command, self.path, list(self.headers.items()), sent))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(GOOD.read_bytes())

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def echo() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


BODIES = {
    "heredoc": "{}\nJSON\ntouch PWN\n: <<JSON\n",
    "nul at once": "\0{}",
    "nul in a delimiter": '{"model":"m"}\nJS\0ON\ntouch PWN-nul\n: <<JSON\n',
    "nul at the end": "{}\0",
    "carriage returns": "{}\r\nJSON\r\ntouch PWN\r",
    "substitutions": f'it\'s {TOUCH} "${{HOME}}" $HOME !! \\ \\\\ \\n \\0101 \\c % %s',
    "controls": "\x1b]52;c;QUFB\x07\t\x7f\x9b2J\u2028\u202e",
    "blanks": "  {}  \n\n\n",
    "nothing": "",
    "no bytes": "a\ud800b",
    "a file": "@/etc/passwd",
    "an option": "-o PWN",
    "large": json.dumps({"input": "long " * 60_000}),
}


@needs_curl
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("said", BODIES.values(), ids=BODIES.keys())
def test_curl_sends_the_body_byte_for_byte(shell: str, said: str, echo: ThreadingHTTPServer, tmp_path: Path) -> None:
    stream = asked(tmp_path, f"http://127.0.0.1:{echo.server_port}/v1/responses")
    assert stream.row is not None
    stream = replace(stream, row=replace(stream.row, request_body=said))
    for script in (written(stream, "curl"), reproduction(written(stream, "md"))):
        if "@request.json" in script:  # the report has no room for it
            continue
        done = run(shell, script, tmp_path)
        assert done.returncode == 0, done.stderr
        assert echo.seen.pop()[3] == said.replace("\ud800", "\ufffd").encode()  # type: ignore[attr-defined]
        assert printable(script.replace("\n", "")) == script.replace("\n", "")


@needs_curl
@pytest.mark.parametrize("shell", SHELLS)
def test_what_is_in_a_url_or_a_header_is_sent_and_not_run(
    shell: str, echo: ThreadingHTTPServer, tmp_path: Path
) -> None:
    base = f"http://127.0.0.1:{echo.server_port}"
    secret = tmp_path / "secret"
    secret.write_text("X-Stolen: 1\n")
    headers = (
        ("X-Quotes", f"it's \"{TOUCH}\" $HOME !! \\"), ("X-Split", "a\r\nX-Injected: 1"), ("X-Nul", "a\0b"),
        ("X-Empty", ""), ("X-Blank", "  "), ("X-File", f"@{secret}"), (f"@{secret}", "1"), ("-o", "PWN"),
        ("X-Bad: 1\r\nX-Injected", "1"),
        (":authority", "evil.invalid"), ("X'; touch PWN; '", "1"), ("X-Text", "é漢\x1b[2J"), ("X-Style", "❤\ufe0f"),
        ("", "1"),
    )  # fmt: skip
    url = f"{base}/v1/responses/{{a,b}}/[1-3]/../x?q={TOUCH}'\"\\é \r\n#f"
    stream = asked(tmp_path, url, "{}", *headers)
    for script in (written(stream, "curl"), reproduction(written(stream, "md"))):
        done = run(shell, script, tmp_path)
        assert done.returncode == 0, done.stderr
        (method, path, sent, _), *others = echo.seen  # type: ignore[attr-defined]
        echo.seen.clear()  # type: ignore[attr-defined]
        assert (method, others) == ("POST", [])
        assert path.startswith("/v1/responses/%7Ba,b%7D/%5B1-3%5D/../x?q=;touch%20PWN;echo%20$(touch%20PWN)%20%60touch")
        values = {name: value.encode("latin-1").decode() for name, value in sent}
        assert values["X-Quotes"] == headers[0][1]
        assert (values["X-Split"], values["X-Nul"]) == ("a  X-Injected: 1", "a b")
        assert (values["X-Empty"], values["X-Blank"], values["X-File"]) == ("", "", f"@{secret}")
        assert (values["X-Text"], values["X-Style"]) == ("é漢 [2J", "❤\ufe0f")
        assert not {"X-Injected", "X-Stolen", "-o"} - {"-o"} & set(values)
        assert values["Host"] == f"127.0.0.1:{echo.server_port}"


@pytest.mark.parametrize("format_", ["curl", "pytest"])
@pytest.mark.parametrize(
    "url",
    ["-K-", "-o PWN", "file:///etc/passwd", "FILE:///etc/passwd", "gopher://h/1", "ftp://h/x", "//h/v1", "http:///v1",
     "h/v1", "http://h:99999/", "http://a b/", "https://x\"\"\"+str(1)+\"\"\"/responses", "http://h';touch PWN'/",
     "javascript:alert(1)"],
)  # fmt: skip
def test_only_http_is_resent(format_: str, url: str, tmp_path: Path) -> None:
    stream = asked(tmp_path, url, 'url = "file:///etc/hostname"\noutput = "PWN"\n')
    with pytest.raises(UnusableInput, match="its URL is not a well-formed http or https URL"):
        written(stream, format_)
    assert reproduction(written(stream, "md")) == "uvx responses-tap check stream.sse"


@pytest.mark.parametrize("format_", ["curl", "pytest"])
@pytest.mark.parametrize(
    "method", ["POST;touch PWN;echo", "$(touch PWN)", "`x`;", "PO ST", "POST\nX-A: 1", "-o", "@x", "ÄPOST"]
)
def test_only_a_method_is_sent_as_one(format_: str, method: str, tmp_path: Path, echo: ThreadingHTTPServer) -> None:
    stream = asked(tmp_path, f"http://127.0.0.1:{echo.server_port}/v1/responses", method=method)
    if method == "-o":  # an odd one, but a token, and quoted
        assert "--request -o" in written(stream, "curl")
        return
    with pytest.raises(UnusableInput, match="its method is not one that HTTP knows"):
        written(stream, format_)
    assert reproduction(written(stream, "md")) == "uvx responses-tap check stream.sse"


@needs_curl
@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("mask", ["masked-0123456789abcdef", "‹masked 3f9a12›"])
def test_no_variable_of_the_user_is_sent(shell: str, mask: str, echo: ThreadingHTTPServer, tmp_path: Path) -> None:
    names = [
        "HOME",
        "PATH",
        "AWS_SECRET_ACCESS_KEY",
        "OPENAI-API-KEY",
        "Authorization",
        "1abc",
        "IFS",
        "LD_PRELOAD",
        "É",
        "$x",
    ]
    masks = [mask.replace("9a", f"{n:02x}") if "‹" in mask else f"{mask[:-2]}{n:02x}" for n in range(len(names))]
    headers = [(name, f"Bearer {mask}") for name, mask in zip(names, masks, strict=True)]
    url = f"http://127.0.0.1:{echo.server_port}/v1/responses?key={mask}"
    stream = asked(tmp_path, url, json.dumps({"key": masks[1]}, ensure_ascii=False), *headers)
    script = written(stream, "curl")
    used = set(re.findall(r'"\$\{?(\w+)', script))
    assert used
    assert all(name.startswith("TAP_SECRET_") for name in used)
    theirs = {"HOME": "mine", "AWS_SECRET_ACCESS_KEY": "mine", "OPENAI_API_KEY": "mine", "AUTHORIZATION": "mine"}
    unset = run(shell, script, tmp_path, **theirs)
    assert unset.returncode != 0
    assert b"set it to the secret that the recording masks" in unset.stderr
    assert echo.seen == []  # type: ignore[attr-defined]
    done = run(shell, script, tmp_path, **theirs, **dict.fromkeys(used, 'it\'s"$HOME"`x`'))
    assert done.returncode == 0, done.stderr
    _, path, sent, said = echo.seen.pop()  # type: ignore[attr-defined]
    assert "mine" not in f"{path}{sent}{said}"
    assert path == '/v1/responses?key=it\'s"$HOME"`x`'
    assert dict(sent)["HOME"] == 'Bearer it\'s"$HOME"`x`'
    assert json.dumps({"key": 'it\'s"$HOME"`x`'}).replace('\\"', '"').encode() == said
    assert set(re.findall(r"os\.environ\[(.*?)\]", written(stream, "pytest"))) <= {f"'{name}'" for name in used}


def test_the_exported_test_runs_nothing_and_sends_what_was_sent(echo: ThreadingHTTPServer, tmp_path: Path) -> None:
    call = '"""+str(__import__("os").system("touch PWN"))+"""'
    url = f"http://127.0.0.1:{echo.server_port}/{call}/responses?a='+str(1)+'\\N{{DASH}}{{x}}"
    said = {"model": f"'{call}\\", call: ["\u2028\u202e\x00", 'a"""b', "'''", "\\N{DASH}", LIVE.replace("\ud800", "")]}
    headers = (("X-Quote", f"'{call}\r\nX-Injected: 1"), ("X-Text", "é漢"), ("X\n__import__", "1"))
    stream = asked(tmp_path, url, json.dumps(said), *headers)
    assert stream.row is not None
    finding = replace(stream.findings[0], code=f"X\n{call}", name=f"\n    {call}\nimport os", text=LIVE)
    streams = [
        stream,
        replace(stream, source=f"{call}\n\\N{{DASH}}.har", findings=[finding]),
        replace(stream, row=replace(stream.row, request_body=f"no JSON {call} \\ \ud800 \x00 \r\n", profile="openai")),
        replace(stream, row=replace(stream.row, request_body='{"n": NaN, "s": "\\ud800"}')),
    ]
    content = FORMATS["pytest"].write(streams)
    assert isinstance(content, str)
    assert printable(content.replace("\n", "")) == content.replace("\n", "")
    (tmp_path / "wire_test.py").write_text(content)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "wire_test.py"]
    collected = subprocess.run(
        [*command, "--collect-only"], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120
    )
    assert collected.stdout.count("wire_test.py::test_") == 4, collected.stdout
    assert echo.seen == []  # type: ignore[attr-defined]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=120)
    assert "4 passed" in done.stdout, done.stdout
    assert not [path.name for path in tmp_path.rglob("PWN*")]
    bodies = [said for _, _, _, said in echo.seen]  # type: ignore[attr-defined]
    assert json.loads(bodies[0]) == json.loads(bodies[1]) == said
    assert bodies[2] == f"no JSON {call} \\ \ufffd \x00 \r\n".encode()
    assert bodies[3] == b'{"n": NaN, "s": "\\ud800"}'
    values = dict(echo.seen[0][2])  # type: ignore[attr-defined]
    assert values["X-Quote"] == f"'{call}  X-Injected: 1"
    assert values["X-Text"].encode("latin-1").decode() == "é漢"
    assert "X-Injected" not in values


@needs_curl
def test_the_hostile_files_do_nothing_in_any_format(shared: Path, tmp_path: Path) -> None:
    names = ("canary.har", "crafted.db", "curl-*.har", "evil.sse", "md.har", "nul.sse", "py-url.har", "xml-ffff.sse")
    files = sorted(path for name in names for path in (shared / "hostile").glob(name))
    assert files
    invoke = functools.partial(CliRunner().invoke, main)
    for file in files:
        for name in [f"{file}#1", f"{file}#2"] if file.suffix == ".db" else [str(file)]:
            for format_ in ("curl", "md", "pytest"):
                result = invoke(["export", name, "--format", format_, "--mask-secrets"])
                assert isinstance(result.exception, SystemExit | None)
                if result.exit_code == 2:
                    assert len(result.stderr.splitlines()) == 1
                elif format_ == "pytest":
                    (tmp_path / "wire_test.py").write_text(result.stdout)
                    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "--collect-only"]
                    subprocess.run(
                        [*command, "wire_test.py"], cwd=tmp_path, check=True, capture_output=True, timeout=120
                    )
                else:
                    for shell in filter(shutil.which, ("dash", "bash")):
                        run(shell, result.stdout if format_ == "curl" else reproduction(result.stdout), tmp_path)
    assert not [path.name for path in tmp_path.rglob("PWN*")]
