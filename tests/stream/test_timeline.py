"""The one view of a stream: rows, folding, missing events, and text that cannot fool a terminal."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN, RECORDINGS, body, events_of

from responses_tap import Checker, Decoder
from responses_tap.escaping import printable
from responses_tap.protocol.grammar import ROWS
from responses_tap.stream.model import Entry
from responses_tap.stream.timeline import TimelineRow, render, timeline


def rows_of(data: bytes, *, full: bool = False) -> list[TimelineRow]:
    checker = Checker()
    entries = []
    for n, frame in enumerate(Decoder().feed(data)):
        event = checker.feed(frame)
        entries.append(Entry(n, frame, None if event is None else event.position, at_ns=n * 10_000_000))
    return timeline(entries, checker.finish(), full=full)


def test_depth_follows_the_scopes() -> None:
    rows = rows_of((RECORDINGS / "clean/text.sse").read_bytes())
    assert [(row.depth, row.type.removeprefix("response.")) for row in rows] == [
        (0, "created"),
        (0, "in_progress"),
        (1, "output_item.added"),
        (2, "content_part.added"),
        (3, "output_text.delta"),
        (3, "output_text.done"),
        (2, "content_part.done"),
        (1, "output_item.done"),
        (0, "completed"),
    ]


def test_a_run_of_deltas_is_one_row_with_count_characters_and_rate() -> None:
    run = next(row for row in rows_of((RECORDINGS / "clean/text.sse").read_bytes()) if row.kind == "run")
    assert (run.count, run.chars, run.position) == (5, 13, 4)
    assert next(iter(render([run]))).split() == [
        "4", "0.040", "response.output_text.delta", "[0.0]", "×", "5,", "13", "characters,", "100/s",
    ]  # fmt: skip


def test_runs_of_different_parts_are_not_mixed() -> None:
    events = events_of(RECORDINGS / "clean/two-parts.sse")
    deltas = [event for event in events if event["type"].endswith(".delta")]
    interleaved = [*events[:4], deltas[0], deltas[2], deltas[1], deltas[3]]
    runs = [row for row in rows_of(body(*interleaved)) if row.type == "response.output_text.delta"]
    assert [(row.subject, row.count) for row in runs] == [("[0.0]", 1), ("[0.1]", 1), ("[0.0]", 1), ("[0.1]", 1)]


@pytest.mark.parametrize("sample", BROKEN, ids=lambda p: p.stem)
def test_each_finding_is_below_its_event_and_what_is_missing_above_it(sample: Path) -> None:
    rows = rows_of(sample.read_bytes())
    at = next(n for n, row in enumerate(rows) if row.kind == "finding")
    finding = rows[at].finding
    assert finding is not None
    if finding.position is not None:
        above = rows[at - 1]
        assert above.position is not None
        assert above.position == finding.position
    missing = [n for n, row in enumerate(rows) if row.kind == "missing"]
    assert [rows[n].type for n in missing] == ([finding.missing] if finding.missing else [])
    assert all(n < at for n in missing)
    assert all(rows[n].type in ROWS for n in missing)


@pytest.mark.parametrize("sample", CLEAN, ids=lambda p: p.stem)
def test_every_event_is_shown_once(sample: Path) -> None:
    events = len(events_of(sample))
    rows = [row for row in rows_of(sample.read_bytes()) if row.position is not None]
    full = rows_of(sample.read_bytes(), full=True)
    assert sum(row.count for row in rows) == events
    assert [row.position for row in full if row.position is not None] == list(range(events))


@given(st.text(alphabet=st.characters(), max_size=50))
def test_nothing_printed_can_control_a_terminal(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not any(character in shown for character in "\x1b\x07\x08\r\n\t\x9b\u202e\u2066\u200d\ufeff")


def test_hostile_text_from_a_stream_is_shown_escaped() -> None:
    events = events_of(RECORDINGS / "clean/text.sse")
    events[2]["item"]["id"] = "\x1b[2J\u202emsg"
    shown = "\n".join(render(rows_of(body(*events))))
    assert "\\x1b[2J\\u202emsg" in shown
    assert "\x1b" not in shown
