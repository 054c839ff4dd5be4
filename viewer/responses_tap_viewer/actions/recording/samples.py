"""The demo: sample streams, sent by a server on loopback through the real proxy to a real client."""

import http.client
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from responses_tap.errors import UnusableInput
from responses_tap.mitm.proxy import CannotRecord, Proxy
from responses_tap.stream.timeline import timeline
from responses_tap_viewer.actions.playback import playback
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.printing import print_lines, say
from responses_tap_viewer.reports.text import counted, list_lines, stream_lines
from responses_tap_viewer.streams import SAMPLES, find_stream, open_existing, recorded_stream

PROGRAM = (
    ("clean/text", "A correct stream, as OpenAI sends it"),
    ("broken/llamastack-before-pr5308", "LlamaStack before PR 5308"),
    ("broken/llamastack-after-pr5308", "LlamaStack after PR 5308"),
    ("clean/tool-call", "A function call"),
    ("broken/ogx-1.5.0-reasoning", "OGX 1.5.0 with reasoning"),
    ("broken/LC103-terminal-missing", "A truncated stream"),
)
"""The samples played, in order, and what each shows."""


def demo(browse: Callable[[Path], None] | None) -> None:
    """Record the samples, then `browse` the recording, or print it if that is None."""
    with tempfile.TemporaryDirectory(prefix="responses-tap-demo-") as folder:
        db = Path(folder) / "demo.db"
        record_samples(db)
        if browse is not None:
            browse(db)
        else:
            _print(db)


def record_samples(db: Path) -> None:
    """Record every sample, one by one, into a new file."""
    playbacks = {f"/{name}/": playback(find_stream(str(SAMPLES / f"{name}.sse"))) for name, _ in PROGRAM}
    say("Playing sample streams through the proxy; no key, no network.")
    with ReplayServer(playbacks) as upstream:
        try:
            proxy = Proxy(db, upstream=upstream.url, on_notice=lambda _notice: None)
        except CannotRecord as error:
            raise UnusableInput("", str(error)) from error
        with proxy:
            for number, (name, about) in enumerate(PROGRAM, 1):
                say(f"  {number}/{len(PROGRAM)}  {about}")
                _ask(proxy.base_url, f"/{name}/v1/responses", about)


def _ask(base_url: str, path: str, about: str) -> None:
    """Read a stream like a client, to its end or to the point where the server breaks off; its prompt is its title."""
    parts = urlsplit(base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    request = {"model": "sample", "input": about, "stream": True}
    try:
        connection.request("POST", path, json.dumps(request), {"Content-Type": "application/json"})
        response = connection.getresponse()
        while response.read1():
            pass
    except (http.client.HTTPException, ConnectionError) as error:
        say(f"       client: {error}")
    finally:
        connection.close()


def _print(db: Path) -> None:
    with open_existing(db) as recording:
        rows = recording.streams()
        print_lines(list_lines(rows))
        for row, (_, about) in zip(rows, PROGRAM, strict=True):
            stream = recorded_stream(recording, row)
            print_lines(["", f"── {about}"])
            print_lines(stream_lines(stream, timeline(stream.entries, stream.findings)))
            print_lines([counted(len(stream.findings), "finding")])


def has_terminal() -> bool:
    """Whether this process reads from and writes to a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()
