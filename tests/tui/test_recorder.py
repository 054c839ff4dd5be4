"""`record --ui`: what the screen says of the recorder, and what it takes to leave it."""

from pathlib import Path

import pytest
from tests.tui.conftest import GOOD, NARROW, Recorder, opened


class Running:
    """A recorder that runs until it is told otherwise."""

    def __init__(self, command: str = "python client.py") -> None:
        self.is_recording = True
        self.command = command
        self.way_in = "export OPENAI_BASE_URL=http://127.0.0.1:8090/v1"
        self.words = "● recording"
        self.log = Path("/dev/null")


@pytest.mark.parametrize(
    ("command", "waiting"),
    [
        ("python client.py", "Waiting for the first request of: python client.py"),
        ("", "Waiting for the first request of a client."),
    ],
)
async def test_while_one_records_the_empty_screen_says_what_it_waits_for(
    recorder: Recorder, command: str, waiting: str
) -> None:
    running = Running(command)
    async with opened(recorder.writer.path, recorder=running) as screen:
        await screen.shows("has no streams yet", waiting, running.way_in, "New streams appear")
        assert "demo" not in screen.text
        assert "responses-tap record" not in screen.text
        await screen.press("D")
        assert screen.app.is_running
        running.is_recording = False
        await screen.shows("The recorder has ended")
        recorder.add(GOOD)
        await screen.is_at(1)


@pytest.mark.parametrize(
    ("command", "question"),
    [
        ("python client.py", "to end the recording and its command, python client.py"),
        ("", "to end the recording"),
    ],
)
async def test_q_asks_before_it_ends_a_recording(recorder: Recorder, command: str, question: str) -> None:
    recorder.add(GOOD)
    async with opened(recorder.writer.path, recorder=Running(command)) as screen:
        await screen.is_at(1)
        await screen.press("q")
        await screen.until(lambda: question in " ".join(one.message for one in screen.app._notifications))
        assert screen.app.is_running
        await screen.press("q")
        await screen.until(lambda: not screen.app.is_running)


async def test_an_old_answer_ends_no_recording(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responses_tap_viewer.tui.app._ASKED_FOR", 0.0)
    recorder.add(GOOD)
    async with opened(recorder.writer.path, NARROW, recorder=Running()) as screen:
        await screen.is_at(1)
        await screen.press("q", "q")
        await screen.pilot.pause(0.1)
        assert screen.app.is_running


async def test_q_leaves_a_recording_that_has_ended_at_once(recorder: Recorder) -> None:
    recorder.add(GOOD)
    running = Running()
    running.is_recording = False
    async with opened(recorder.writer.path, recorder=running) as screen:
        await screen.is_at(1)
        await screen.press("q")
        await screen.until(lambda: not screen.app.is_running)
