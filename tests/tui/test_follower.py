"""The rows that the terminal UI reads, of which most frames are never read."""

import pytest
from tests.conftest import RECORDINGS, body
from tests.tui.conftest import Recorder

from responses_tap.store import open_recording
from responses_tap.stream.timeline import render, timeline
from responses_tap_viewer.streams import recorded_stream
from responses_tap_viewer.tui.timeline.follower import Follower

SAMPLES = sorted(RECORDINGS.glob("*/*.sse"))[::4]
COMMANDS = body(
    *({"type": "response.shell_call_command.delta", "output_index": 0, "command_index": i // 2, "delta": "ls"}
      for i in range(6))
)  # fmt: skip
ODD = b'data: {"type": "response.output_text.delta",\r\ndata: "delta": "\\ud83d\\ude00ab"}\r\n\r\n'


@pytest.mark.parametrize("full", [False, True], ids=["folded", "unfolded"])
def test_they_are_those_that_show_prints(recorder: Recorder, full: bool) -> None:
    bodies = [*(sample.read_bytes() for sample in SAMPLES), COMMANDS, ODD * 3]
    ids = [recorder.add(data) for data in bodies]
    with open_recording(recorder.writer.path) as recording:
        for id_ in ids:
            follower = Follower(id_, full=full)
            while follower.advance(recording) or follower.read_frames(recording, follower.rows):
                pass
            row = recording.stream(id_)
            assert row is not None
            stream = recorded_stream(recording, row)
            shown = list(render(follower.rows))
            assert shown == list(render(timeline(stream.entries, stream.findings, full=full)))
            assert follower.caught_up
        if not full:
            assert any("× 2, 6 characters" in line for line in shown), shown


def test_characters_go_on_being_counted_while_a_run_grows(recorder: Recorder) -> None:
    stream = recorder.start()
    delta = body({"type": "response.output_text.delta", "delta": "abc"})
    n = recorder.feed(stream, delta * 4)
    recorder.writer.commit()
    with open_recording(recorder.writer.path) as recording:
        follower = Follower(stream)
        for more in (0, 3, 4):
            n = recorder.feed(stream, delta * more, n)
            recorder.writer.commit()
            while follower.advance(recording) or follower.read_frames(recording, follower.rows):
                pass
            run = follower.rows[-1]
            assert run.until_chunk == n - 1
            assert (run.chars, run.counted) == (3 * run.count, run.count)
