"""A stranger's recording, text that is active in one place or another, and a runner for its exports."""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

from tests.conftest import RECORDINGS

from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.streams import find_stream

GOOD = RECORDINGS / "clean/text.sse"
BAD = RECORDINGS / "broken/MD301-text-done-missing.sse"
LIVE = (
    "\\<img src=x onerror=alert(1)> <script>alert(2)</script> @octocat evil-ai/ogx#5308 #1 GH-1 https://evil.invalid "
    "www.evil.invalid a@evil.invalid [l](javascript:alert(3)) ![i](https://evil.invalid/i.png) `a` ```` ~~~ |x| **b** "
    "&lt;img&gt; </details></code></pre> <meta http-equiv=refresh content=0;url=https://evil.invalid> ${x} {0} "
    '" onfocus=alert(4) autofocus x="\r\n\n# heading\n- list\n\n<b>a block</b>\n```\n'
    "\u2028\x1b]52;c;QUFB\x07\x9b2J\ud800\ufffe"
)
"""Text that is active in one place or another."""


def asked(
    folder: Path, url: str, said: str = "{}", *headers: tuple[str, str], method: str = "POST", answer: Path = BAD
) -> JudgedStream:
    """A stream from a HAR that somebody else wrote."""
    request = {
        "method": method, "url": url, "httpVersion": "HTTP/1.1", "queryString": [],
        "headers": [{"name": name, "value": value} for name, value in headers],
        "postData": {"mimeType": "application/json", "text": said},
    }  # fmt: skip
    response = {
        "status": 200, "statusText": "OK", "httpVersion": "HTTP/1.1",
        "headers": [{"name": "content-type", "value": "text/event-stream"}],
        "content": {"mimeType": "text/event-stream", "text": answer.read_text()},
    }  # fmt: skip
    entry = {"startedDateTime": "2026-01-01T00:00:00.000Z", "time": 1, "request": request, "response": response}
    har = folder / "from a stranger.har"
    har.write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}))
    stream = find_stream(str(har))
    assert stream.row is not None
    # Reading masks unknown names, but this tests writing.
    row = replace(stream.row, method=method, url=url, request_headers=headers, request_body=said)
    return replace(stream, row=row)


def written(stream: JudgedStream, format_: str) -> str:
    """A stream as a file of this format, past the guard against secrets, which is tested elsewhere."""
    content = FORMATS[format_].write([stream])
    assert isinstance(content, str)
    content.encode()
    return content


def run(shell: str, script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a script in an empty folder, where a `uvx` does nothing and only loopback can be reached."""
    cwd, tools = folder / "cwd", folder / "tools"
    for made in (cwd, tools):
        made.mkdir(exist_ok=True)
    (tools / "uvx").write_text("#!/bin/sh\n")
    (tools / "uvx").chmod(0o755)
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    env = {"PATH": f"{tools}:{os.environ['PATH']}", "no_proxy": "127.0.0.1", **nowhere, **variables}
    done = subprocess.run(
        [shell], check=False, input=script.encode(), env=env, cwd=cwd, capture_output=True, timeout=60
    )
    assert not [path.name for path in folder.rglob("PWN*")]
    assert {path.name for path in cwd.iterdir()} <= {"stream.sse"}
    return done


def reproduction(report: str) -> str:
    """The commands below `How to reproduce`."""
    found = re.findall(r"^(`{3,})sh\n(.*?)\n\1$", report.partition("## How to reproduce")[2], re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return str(found[0][1])
