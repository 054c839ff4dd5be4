"""`record --ui`: a recorder in a process of its own, and the terminal UI on what it writes."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from responses_tap_viewer.actions.recording.notices import Listening, read_notices
from responses_tap_viewer.printing import print_document
from responses_tap_viewer.reports.text import WARNING
from responses_tap_viewer.tui.launch import browse, need_terminal


class RecorderProcess:
    """A running `record`. What it and its command print goes to a log: the screen belongs to the UI."""

    def __init__(self, arguments: Sequence[str], command: Sequence[str], log: IO[bytes]) -> None:
        self.log = Path(log.name)
        """Where the output goes."""
        self.command = " ".join(command)
        self.way_in = ""
        self._warning = ""
        self._could_begin = False
        self._has_begun = threading.Event()
        notices, sink = os.pipe()
        options = ["--until-eof", f"--notices={sink}", *arguments]
        self._process = subprocess.Popen(  # noqa: S603 (ourselves, with what the user gave)
            [sys.executable, "-m", "responses_tap_viewer", "record", *options, "--", *command],
            pass_fds=[sink],
            stdin=subprocess.PIPE,  # it ends with this process, however that comes; the keyboard belongs to the UI
            stdout=log if sys.stdout.isatty() else None,
            stderr=log,
        )
        os.close(sink)
        threading.Thread(target=self._listen, args=(notices,), name="recorder's notices", daemon=True).start()

    def _listen(self, notices: int) -> None:
        with os.fdopen(notices, "rb") as lines:
            for notice in read_notices(lines):
                if isinstance(notice, Listening):
                    self._could_begin, self.way_in = True, notice.way_in
                    self._has_begun.set()
                else:
                    self._warning = f"{WARNING}{notice.message}"
        self._has_begun.set()

    def wait_until_ready(self) -> bool:
        """Whether it records; False where it could not begin."""
        self._has_begun.wait()
        return self._could_begin

    @property
    def is_recording(self) -> bool:
        """Whether it still records."""
        return self._could_begin and self._process.poll() is None

    @property
    def words(self) -> str:
        """What it does now, in a line."""
        status, key = self._process.poll(), "L: output"  # first: a command may be longer than the line
        if status is not None:
            end = f"{self.command or 'the recorder'} exited with status {status}"
            return f"■ ended · {key} · {end}{self._warning and f' · {self._warning}'}"
        return f"● recording · {key} · {self._warning or self.command or self.way_in}"

    def end(self) -> int:
        """End it once everything recorded is written; its exit status."""
        self._process.terminate()
        return self._process.wait()


def record_and_browse(db: Path, arguments: Sequence[str], command: Sequence[str]) -> int:
    """Record, and show `db` until the user leaves; then print the recorder's output. Its exit status."""
    need_terminal()
    with tempfile.NamedTemporaryFile(prefix="responses-tap-", suffix=".log") as log:
        recorder = RecorderProcess(arguments, command, log)
        try:
            if recorder.wait_until_ready():
                browse(db, recorder=recorder)
        finally:
            status = recorder.end()
            print_document(recorder.log.read_bytes(), err=True)
    return status
