"""How long the terminal UI takes on a large recording, measured from outside, in a terminal of its own.

uv run python tests/benchmarks/view.py [--streams 10000] [--events 1000000] [--long 100000] [--db FILE]

Builds the recording first (in a temporary folder, or at --db, where it stays for the next run): one stream of
100,000 events, then as many short ones as needed.
"""

import argparse
import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from responses_tap import RULES_VERSION, Checker, Decoder
from responses_tap.protocol.findings import Finding
from responses_tap.store import ChunkRow, EventRow
from responses_tap.store.writer import Writer

_COLUMNS, _LINES = 160, 45
_QUIET = 0.3
"""Seconds without output after which the response to a key is over."""
_KEYS = {
    "down": b"\x1b[B", "page up": b"\x1b[5~", "home": b"\x1b[H", "end": b"\x1b[F", "sort": b"s", "reverse": b"S",
    "group": b"b", "group, page up": b"\x1b[5~", "ungroup": b"b", "next finding": b"n",
    "previous finding": b"N", "next pane": b"\t", "unfold": b"d", "times": b"t", "chunks": b"c",
    "timeline end": b"\x1b[F",
    "fold": b"d", "previous pane": b"\x1b[Z", "filter": b"/", "a letter": b"g", "clear": b"\x1b", "help": b"?",
}  # fmt: skip
_MS = 1e3


def body(deltas: int, *, faulty: bool) -> bytes:
    """A stream with this many deltas; a faulty one lacks its `output_text.done`."""
    response = {
        "id": "resp_1", "object": "response", "created_at": 1790000000, "status": "in_progress", "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "model": "m", "output": [],
        "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
    }  # fmt: skip
    item = {"id": "msg_1", "type": "message", "status": "in_progress", "content": [], "role": "assistant"}
    key = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    words = [f" w{n % 97}" for n in range(deltas)]
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    whole = part | {"text": "".join(words)}
    done = item | {"status": "completed", "content": [whole]}
    events = [
        {"type": "response.created", "response": response},
        {"type": "response.in_progress", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.content_part.added", **key, "part": part},
        *({"type": "response.output_text.delta", **key, "delta": word, "logprobs": []} for word in words),
        *([] if faulty else [{"type": "response.output_text.done", **key, "text": whole["text"], "logprobs": []}]),
        {"type": "response.content_part.done", **key, "part": whole},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": response | {"status": "completed", "output": [done]}},
    ]
    lines = (json.dumps(event | {"sequence_number": n}) for n, event in enumerate(events))
    return b"".join(f"data: {line}\n\n".encode() for line in lines)


class Sample:
    """One stream, framed and checked once, written as often as needed."""

    def __init__(self, deltas: int, *, faulty: bool = False) -> None:
        checker = Checker()
        self.shape = f"{'faulty' if faulty else 'right'}-shape"
        self.events = [(frame, checker.feed(frame)) for frame in Decoder().feed(body(deltas, faulty=faulty))]
        self.findings: list[Finding] = checker.finish()

    def write(self, writer: Writer, number: int, gap_ns: int = 20_000_000) -> None:
        """Add it as another stream."""
        first, last = 180_000_000, 180_000_000 + gap_ns * len(self.events)
        minute, second = divmod(number % 3600, 60)
        stream = writer.add_stream({
            "method": "POST", "url": "http://localhost:8321/v1/responses", "host": "localhost:8321", "route": "sse",
            "http_version": "HTTP/1.1", "model": f"bench-{number % 7}", "status": 200, "state": "completed",
            "request_headers": json.dumps([["Host", "localhost:8321"], ["Content-Type", "application/json"]] * 5),
            "request_body": json.dumps({"model": "bench", "input": "Say hello. " * 50, "stream": True}),
            "started_at": f"2026-11-02T{10 + number // 3600:02}:{minute:02}:{second:02}.000000+00:00",
            "response_headers": json.dumps([["Content-Type", "text/event-stream"]] * 8), "ended_by": "server",
            "first_byte_ns": first, "last_byte_ns": last, "end_ns": last, "event_count": len(self.events),
            "input_tokens": number % 900, "output_tokens": len(self.events), "shape": self.shape,
        })  # fmt: skip
        offset = 0
        for n, (frame, event) in enumerate(self.events):
            at_ns, size = first + gap_ns * n, len(frame.raw)
            writer.add_chunk(ChunkRow(stream, n, at_ns, size, offset, size))
            place = (event.output_index, event.content_index, event.summary_index, event.item_id, event.response)
            facts = (event.position, at_ns, n, event.type, event.sequence_number, *place)
            writer.add_event(EventRow(stream, n, *facts, frame.raw))
            offset += size
        writer.set_findings(stream, self.findings, rules=RULES_VERSION, profile="openai")


def build(path: Path, streams: int, events: int, long: int) -> None:
    """Write the recording."""
    writer = Writer(path)
    deltas = max(1, (events - long) // max(1, streams - 1) - 8)
    right, faulty = Sample(deltas), Sample(deltas + 1, faulty=True)
    Sample(long - 8).write(writer, 0, 1_000_000)
    for number in range(1, streams):
        (faulty if number % 20 == 0 else right).write(writer, number)
        if number % 200 == 0:
            writer.commit()
    writer.commit()
    writer.close()


class Terminal:
    """A terminal of our own, and `view` in it."""

    def __init__(self, db: Path) -> None:
        self._fd, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", _LINES, _COLUMNS, 0, 0))
        read, write = os.pipe()
        arguments = [sys.executable, __file__, "--child", str(db), str(write)]
        size = {
            "COLUMNS": str(_COLUMNS),
            "LINES": str(_LINES),
        }  # readline, where it is loaded, exports those of its own
        environment = os.environ | size | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        self.process = subprocess.Popen(
            arguments, stdin=theirs, stdout=theirs, stderr=theirs, pass_fds=[write], env=environment
        )
        os.close(theirs)
        os.close(write)
        with os.fdopen(read) as imported:
            self.imported_at = float(imported.read())

    def until(self, text: bytes, seconds: float = 60) -> float:
        """When `text` appeared."""
        end, seen = time.monotonic() + seconds, b""
        while time.monotonic() < end:
            seen += self._read(end - time.monotonic())
            if text in seen:
                return time.monotonic()
        raise TimeoutError(f"{text!r} did not come after {seen[-2000:]!r}")

    def press(self, key: bytes) -> tuple[float, float, float]:
        """Seconds until the first and the last output that a key brought, and of the processor until the last."""
        start, busy = time.monotonic(), self.busy()
        os.write(self._fd, key)
        first = last = 0.0
        while self._read(_QUIET if last else 5):
            last = time.monotonic() - start
            first = first or last
        return first, last, self.busy() - busy

    def busy(self) -> float:
        """Seconds of the processor that the process has had: what other work on the machine lengthens less."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def memory(self) -> float:
        """The most that the process has ever held, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def close(self) -> None:
        """Leave the application."""
        self.process.kill()
        self.process.wait()
        os.close(self._fd)

    def _read(self, seconds: float) -> bytes:
        ready, _, _ = select.select([self._fd], [], [], max(0.0, seconds))
        return os.read(self._fd, 65536) if ready else b""


def child(db: str, told: int) -> None:
    """Run the application, and record when its modules were imported."""
    from responses_tap_viewer.tui.app import TapApp

    os.write(told, str(time.monotonic()).encode())
    os.close(told)
    TapApp(Path(db)).run()


def open_long(db: Path) -> Iterator[str]:
    """Open the long stream like the timeline, folded and unfolded."""
    from responses_tap.store import open_recording
    from responses_tap_viewer.tui.timeline.follower import Follower

    for full in (False, True):
        with open_recording(db) as recording:
            follower = Follower(recording.stream_ids()[0], full=full)
            start, busy = time.monotonic(), time.process_time()
            follower.advance(recording)
            first = time.monotonic() - start
            while not follower.caught_up:
                follower.advance(recording)
            took, busy = time.monotonic() - start, time.process_time() - busy
            while follower.advance(recording):
                pass
            whole = time.monotonic() - start
        yield (
            f"the long stream, {'unfolded' if full else 'folded'}: first rows {first:.2f} s, all {len(follower.rows)} "
            f"rows {took:.2f} s ({busy:.2f} s of the processor), characters counted {whole:.2f} s"
        )


def measure(db: Path) -> None:
    """Print the figures."""
    with contextlib.closing(Terminal(db)) as terminal:
        measure_keys(terminal)
    for line in open_long(db):
        print(line)


def measure_keys(terminal: Terminal) -> None:
    """Print how soon the screen follows."""
    imported = terminal.busy()
    shown = terminal.until(b"bench-") - terminal.imported_at
    print(f"first screen after the imports: {shown:.2f} s, {terminal.busy() - imported:.2f} s of the processor")
    terminal.press(b"")
    print(f"settled, memory: {terminal.memory():.0f} MB")
    answers = {name: terminal.press(key) for name, key in _KEYS.items()}
    for name, (first, last, busy) in answers.items():
        times = f"first output {first * _MS:6.1f} ms, last {last * _MS:7.1f} ms, processor {busy * _MS:7.1f} ms"
        print(f"  {name:<18} {times}")
    worst = max(answers, key=lambda name: answers[name][0])
    print(f"slowest key: {worst}, {answers[worst][0] * _MS:.0f} ms until the screen changes")
    print(f"memory at its most: {terminal.memory():.0f} MB")


def main() -> None:
    """Build, measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--long", type=int, default=100_000)
    parser.add_argument("--db", type=Path)
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        db = wish.db or Path(folder) / "large.db"
        if not db.exists():
            start = time.monotonic()
            build(db, wish.streams, wish.events, wish.long)
            print(f"built in {time.monotonic() - start:.1f} s, {db.stat().st_size / 1e6:.0f} MB")
        measure(db)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]))
    else:
        main()
