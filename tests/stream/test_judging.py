"""One path from frames to findings: wherever a stream comes from, its frames belong to the same responses."""

from pathlib import Path

from tests.conftest import RECORDINGS

from responses_tap.protocol.sse import decode
from responses_tap.store import open_recording
from responses_tap.stream.judging import checker_for, judged
from responses_tap.stream.model import Entry, Stream, TimedFrame
from responses_tap_viewer.importing import import_paths
from responses_tap_viewer.streams import find_stream

ONE = (RECORDINGS / "clean/text.sse").read_bytes()
TWO = b": hello\n\n" + ONE + b": still here\n\n" + ONE.replace(b'"resp_', b'"resp_2_')
TWO += b"data: [DONE]\n\n: bye\n\n"


def places(entries: list[Entry]) -> list[tuple[int, int | None, int]]:
    return [(entry.n, entry.position, entry.response) for entry in entries]


def test_a_frame_without_an_event_belongs_to_the_response_before_it(tmp_path: Path) -> None:
    """A comment is in no response's tree; `[DONE]` belongs to the response before it, as does what follows it."""
    (tmp_path / "two.sse").write_bytes(TWO)
    stream = Stream([TimedFrame(frame) for frame in decode([TWO])])
    entries = list(judged(stream, checker_for(stream)))
    bare = {entry.frame.raw: entry.response for entry in entries if entry.position is None}
    assert bare[b": hello\n\n"] == bare[b": still here\n\n"] == 0
    assert bare[b": bye\n\n"] == bare[b"data: [DONE]\n\n"] == 1
    second = find_stream(f"{tmp_path / 'two.sse'}#1")
    assert (
        b"".join(entry.frame.raw for entry in second.entries) == TWO[TWO.index(b": still") + len(": still here\n\n") :]
    )


def test_a_recording_says_the_same_about_each_frame_as_its_file(tmp_path: Path) -> None:
    (tmp_path / "two.sse").write_bytes(TWO)
    db = tmp_path / "two.db"
    list(import_paths([str(tmp_path / "two.sse")], db))
    stream = Stream([TimedFrame(frame) for frame in decode([TWO])])
    with open_recording(db) as recording:
        recorded = list(recording.entries(1))
    assert places(recorded) == places(list(judged(stream, checker_for(stream))))
