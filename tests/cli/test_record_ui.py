"""`record --ui`: recording and viewing at once, in a terminal of its own."""

import os
import signal
import socket
import subprocess
from pathlib import Path

from tests.conftest import RECORDINGS
from tests.terminal import TAP, terminal
from tests.upstream import eventually

from responses_tap.store import RecordingError, open_recording
from responses_tap.store.writer import Writer
from responses_tap_viewer.actions.playback import playback
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.streams import find_stream

SEED = playback(find_stream(str(RECORDINGS / "broken" / "llamastack-before-pr5308.sse")))
CLIENT = "import os, urllib.request as r; print('says', len(r.urlopen(os.environ['OPENAI_BASE_URL'] + '/responses', b'{}').read())); raise SystemExit(3)"  # noqa: E501
RECORD = f"exec {TAP} record --ui --db a.db --listen 127.0.0.1:0"


def test_what_a_command_does_is_shown_and_what_it_prints_is_kept(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(CLIENT)
    with (
        ReplayServer({"": SEED}, speed=0) as upstream,
        terminal(f"{RECORD} --upstream {upstream.url}/v1 -- {TAP.split()[0]} client.py", tmp_path) as screen,
    ):
        screen.shows("MD301", "client.py exited with status 3")
        assert b"says" not in screen.written
        screen.press("L")
        screen.shows("says ", "Recorded 1 stream")
        assert screen.ends("q") == 3  # one closes the output
        printed = screen.written.decode().rpartition("\x1b[?1049l")[2]  # after the screen was given back
        assert "says " in printed
        assert "Recorded 1 stream, 13 events: 3 errors" in printed


def test_what_a_command_prints_is_not_taken_for_a_warning(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(
        f"import sys; print('! says the client', file=sys.stderr, flush=True); {CLIENT}"
    )
    with (
        ReplayServer({"": SEED}, speed=0) as upstream,
        terminal(f"{RECORD} --upstream {upstream.url}/v1 -- {TAP.split()[0]} client.py", tmp_path) as screen,
    ):
        screen.shows("MD301", "■ ended · L: output · ", "client.py exited with status 3")
        screen.press("L")
        screen.shows("! says the client")


def test_it_shows_how_to_connect_and_when_the_recorder_dies(tmp_path: Path) -> None:
    with terminal(f"{RECORD} --upstream http://127.0.0.1:9/v1", tmp_path) as screen:
        screen.shows("has no streams yet", "● recording · L: output · export OPENAI_BASE_URL=http://127.0.0.1:")
        found = subprocess.run(["pgrep", "-P", str(screen.process.pid)], capture_output=True, text=True, check=True)
        os.kill(int(found.stdout.split()[0]), signal.SIGKILL)
        screen.shows("the recorder exited with status -9")
        screen.press("q")
        screen.ends()
        assert "Traceback" not in screen.written.decode()


def test_leaving_ends_the_recorder_and_its_command_cleanly(tmp_path: Path) -> None:
    with terminal(f"{RECORD} --upstream http://127.0.0.1:9/v1 -- sleep 1000", tmp_path) as screen:
        screen.shows("● recording · L: output · sleep 1000")
        screen.process.terminate()
        assert screen.ends() == 128 + signal.SIGTERM  # the command's
        screen.shows("Recorded 0 streams")
    with open_recording(tmp_path / "a.db") as recording:
        assert recording.stream_ids() == []


def test_a_recorder_and_its_command_do_not_outlive_the_screen(tmp_path: Path) -> None:
    """It waits for its command, so when nobody writes any more, both have ended."""
    with terminal(f"{RECORD} --upstream http://127.0.0.1:9/v1 -- sleep 1000", tmp_path) as screen:
        screen.shows("● recording · L: output · sleep 1000")
        assert not is_free(tmp_path / "a.db")
        screen.process.kill()
        eventually(lambda: is_free(tmp_path / "a.db"))


def is_free(db: Path) -> bool:
    """Whether nobody writes to a recording."""
    try:
        Writer(db).close()
    except RecordingError:
        return False
    return True


def test_a_recorder_that_cannot_begin_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with terminal(f"{TAP} record --ui --db a.db --listen 127.0.0.1:{port} -- true", tmp_path) as screen:
            assert screen.ends() == 2
            assert f"cannot listen on 127.0.0.1:{port}" in screen.written.decode()
            assert "\x1b[?1049h" not in screen.written.decode()


def test_what_is_wrong_besides_the_streams_is_shown(tmp_path: Path) -> None:
    (tmp_path / "client.py").write_text(CLIENT)
    with terminal(f"{RECORD} --upstream http://127.0.0.1:9/v1 -- {TAP.split()[0]} client.py", tmp_path) as screen:
        screen.shows("client.py exited with status 1 · ! cannot reach 127.0.0.1:9 (")
        screen.press("q")
        screen.ends()
