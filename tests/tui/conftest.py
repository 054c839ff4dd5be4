"""Recordings made by the real writer, and the terminal UI on them as a person sees it."""

import asyncio
import json
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RECORDINGS
from textual.pilot import Pilot

from responses_tap import RULES_VERSION, Checker, Decoder, Frame
from responses_tap.protocol.bodies import Head
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.store import ChunkRow, EventRow
from responses_tap.store.writer import Writer
from responses_tap.stream.conversation import clues_of
from responses_tap.stream.storable import storable_text
from responses_tap_viewer.tui.app import TapApp
from responses_tap_viewer.tui.screens.main_screen import MainScreen
from responses_tap_viewer.tui.streams.streams_pane import StreamsPane
from responses_tap_viewer.tui.timeline.timeline_pane import TimelinePane
from responses_tap_viewer.tui.widgets.lines import Lines

SCREENS = Path(__file__).parents[1] / "screens"
WIDE, MEDIUM, NARROW = (160, 45), (100, 30), (60, 16)
GOOD = (RECORDINGS / "clean" / "text.sse").read_bytes()
SEED = (RECORDINGS / "broken" / "llamastack-before-pr5308.sse").read_bytes()
CUT = GOOD[: len(GOOD) * 2 // 3]
SECONDS = float(os.environ.get("PATIENCE", "60"))
"""How long a condition may take on a slow machine."""


class Recorder:
    """Writes streams as the recorder does."""

    def __init__(self, path: Path) -> None:
        self.writer = Writer(path)
        self.checkers: dict[int, Checker] = {}
        self.sizes: Counter[int] = Counter()
        """How many bytes of each stream have been written."""
        self.types: dict[int, list[str]] = {}

    def begin_next(self, path: Path) -> None:
        """Go on in another file, as with `--max-size`."""
        following = Writer(path)
        following.number_with(self.writer)
        following.commit()
        self.writer.set_meta("next", path.name)
        self.writer.commit()
        self.writer.close()
        self.writer = following

    def start(self, **columns: Any) -> int:
        facts = {
            "method": "POST",
            "url": "http://localhost:8321/v1/responses",
            "host": "localhost:8321",
            "route": "sse",
            "http_version": "HTTP/1.1",
            "model": "gpt-5.1",
            "request_headers": json.dumps([["Host", "localhost:8321"], ["Authorization", "Bearer ‹masked 3f9a12›"]]),
            "request_body": json.dumps({"model": "gpt-5.1", "input": "Say hello", "stream": True}),
            "started_at": "2026-11-02T10:00:00.000000+00:00",
            "status": 200,
            "response_headers": json.dumps([["Content-Type", "text/event-stream"]]),
            "state": "open",
        }
        facts |= columns
        stream = self.writer.add_stream(facts)
        self.writer.link_turn(stream, clues_of((), facts["request_body"]))
        self.checkers[stream] = Checker(live=True, head=Head(facts["status"], "text/event-stream"))
        self.types[stream] = []
        return stream

    def feed(self, stream: int, data: bytes, first: int = 0, *, late_ns: int = 0, per_chunk: int = 1) -> int:
        """Add frames, the first of them number `first`; the number after the last one."""
        decoder = Decoder()
        frames = decoder.feed(data)
        frames += decoder.finish()
        for n, frame in enumerate(frames, start=first):
            event = self.checkers[stream].feed(frame)
            at_ns, chunk = 180_000_000 + 20_000_000 * n + late_ns, n // per_chunk
            if n % per_chunk == 0:
                size = len(frame.raw)
                self.writer.add_chunk(ChunkRow(stream, chunk, at_ns, size, self.sizes[stream], size))
            self.sizes[stream] += len(frame.raw)
            facts: tuple[Any, ...] = (None,) * 6 + (0,)
            if event is not None:
                place = (event.output_index, event.content_index, event.summary_index)
                name = storable_text(event.type)
                self.types[stream].append(name or "")
                facts = (name, event.sequence_number, *place, storable_text(event.item_id), event.response)
            position = None if event is None else event.position
            self.writer.add_event(EventRow(stream, n, position, at_ns, chunk, *facts, frame.raw))
        self.judge(stream)
        return first + len(frames)

    def judge(self, stream: int) -> None:
        findings = self.checkers[stream].findings
        self.writer.set_findings(stream, findings, rules=RULES_VERSION, profile="openai")

    def finish(self, stream: int, n: int, **columns: Any) -> None:
        checker = self.checkers[stream]
        checker.feed(Frame(columns.get("response_body") or b"", None, None))
        checker.finish()
        self.judge(stream)
        facts = {"first_byte_ns": 180_000_000, "end_ns": 180_000_000 + 20_000_000 * n, "event_count": n}
        state = checker.responses[-1].state if checker.responses else "open"
        if self.types[stream]:
            facts["shape"] = str(hash(tuple(name for name, _ in groupby(self.types[stream]))))
        self.writer.set_stream(stream, facts | {"state": state, "ended_by": "server"} | columns)

    def add(self, data: bytes, **columns: Any) -> int:
        stream = self.start(**columns)
        self.finish(stream, self.feed(stream, data))
        self.writer.commit()
        return stream


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path / "tap.db")
    yield recorder
    recorder.writer.close()


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def four(recorder: Recorder) -> Recorder:
    """A clean stream, one with faults, one that was refused, one that was cut."""
    recorder.add(GOOD)
    recorder.add(SEED, model="ollama/gpt-oss:20b", started_at="2026-11-02T10:00:05.000000+00:00")
    refused = recorder.start(status=401, started_at="2026-11-02T10:00:09.000000+00:00")
    error = b'{"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}'
    recorder.finish(refused, 0, state="http-error", event_count=0, response_body=error)
    recorder.add(CUT, started_at="2026-11-02T10:00:12.000000+00:00")
    return recorder


class Screen:
    """The app as a person sees it."""

    def __init__(self, pilot: Pilot[None]) -> None:
        self.pilot = pilot
        self.app = pilot.app

    @property
    def browser(self) -> MainScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    @property
    def streams(self) -> StreamsPane:
        return self.browser.query_one(StreamsPane)

    @property
    def timeline(self) -> TimelinePane:
        return self.browser.query_one(TimelinePane)

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips) + "\n"

    @property
    def focus(self) -> str | None:
        return self.app.focused.id if self.app.focused else None

    @property
    def selected(self) -> int | None:
        return self.streams.selected.id if self.streams.selected else None

    @property
    def row(self) -> str:
        rows, cursor = self.timeline.rows, self.timeline.lines.cursor
        return f"{rows[cursor].kind} {rows[cursor].type}" if rows else ""

    def lines(self, name: str) -> Lines:
        return self.browser.query_one(f"#{name}", Lines)

    async def until(self, condition: Callable[[], object]) -> None:
        end = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < end, f"it did not come about; the screen is\n{self.text}"
            await self.pilot.pause(0.02)

    async def shows(self, *texts: str) -> None:
        await self.until(lambda: all(text in self.text for text in texts))

    async def is_at(self, stream: int | None) -> None:
        follower = lambda: self.timeline.follower  # noqa: E731
        await self.until(lambda: self.selected == stream and follower() and follower().stream_id == stream)
        await self.until(lambda: follower().caught_up and len(self.timeline.rows) == len(follower().rows))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def is_golden(self, name: str) -> None:
        file = SCREENS / f"{name}.txt"
        if os.environ.get("UPDATE_SCREENS"):
            await asyncio.sleep(1)
            file.write_text(self._lasting_text)
        end = time.monotonic() + SECONDS
        while self._lasting_text != file.read_text() and time.monotonic() < end:
            await self.pilot.pause(0.02)
        assert self._lasting_text == file.read_text()

    @property
    def _lasting_text(self) -> str:
        """The screen without how large a report is, which names the platform and what was measured last."""
        return re.sub(r"\d,\d{3}(?= bytes:)", "#,###", self.text)


def is_serious(finding: Finding) -> bool:
    return finding.severity is not Severity.NOTE


@asynccontextmanager
async def opened(
    path: Path,
    size: tuple[int, int] = WIDE,
    **options: Any,
) -> AsyncIterator[Screen]:
    async with TapApp(path, **options).run_test(size=size, notifications=True) as pilot:
        yield Screen(pilot)


@asynccontextmanager
async def browsing(recorder: Recorder, size: tuple[int, int] = WIDE) -> AsyncIterator[Screen]:
    """The app on a recording, at its last stream."""
    async with opened(recorder.writer.path, size) as screen:
        faulty = (id_ for id_, checker in recorder.checkers.items() if any(map(is_serious, checker.findings)))
        if (first := next(faulty, None)) is not None:
            await screen.is_at(first)
            await screen.until(lambda: screen.focus == "timeline")
            await screen.press("escape", "end")
        await screen.is_at(max(recorder.checkers))
        yield screen
