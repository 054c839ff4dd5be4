"""`record --ui`: a recorder in a process of its own, and the terminal UI on what it writes."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from responses_tap_viewer.printing import print_document
from responses_tap_viewer.reports.text import WARNING
from responses_tap_viewer.tui.launch import browse, need_terminal

_POLL = 0.05
_READY = b"Recording "
"""How the line begins that `record` prints when its port is open."""
_EXPORT = "export "


class RecorderProcess:
    """A running `record`. What it and its command print goes to a log: the screen belongs to the UI."""

    def __init__(self, arguments: Sequence[str], command: Sequence[str], log: IO[bytes]) -> None:
        self.log = Path(log.name)
        """Where the output goes."""
        self._command = " ".join(command)
        self._process = subprocess.Popen(  # noqa: S603 (ourselves, with what the user gave)
            [sys.executable, "-m", "responses_tap_viewer", "record", "--until-eof", *arguments, "--", *command],
            stdin=subprocess.PIPE,  # it ends with this process, however that comes; the keyboard belongs to the UI
            stdout=log if sys.stdout.isatty() else None,
            stderr=log,
        )
        self._way_in = ""
        self._warning = ""
        self._looked_at = 0

    def wait_until_ready(self) -> bool:
        """Whether it records; False where it could not begin."""
        while _READY not in self.log.read_bytes():
            if self._process.poll() is not None:
                return _READY in self.log.read_bytes()
            time.sleep(_POLL)
        return True

    @property
    def words(self) -> str:
        """What it does now, in a line."""
        status = self._process.poll()
        self._look_for_warning()
        if status is not None:
            end = f"{self._command or 'the recorder'} ended with {status}"
            return f"■ {end}{self._warning and f' · {self._warning}'} · L shows its output"
        if not self._command and not self._way_in:
            lines = map(str.strip, self.log.read_text(errors="replace").splitlines())
            self._way_in = next((line for line in lines if line.startswith(_EXPORT)), "")
        return f"● recording · {self._warning or self._command or self._way_in} · L shows its output"

    def _look_for_warning(self) -> None:
        with self.log.open("rb") as log:
            log.seek(self._looked_at)
            lines = log.read().splitlines(keepends=True)
        for line in lines:
            if line.endswith(b"\n"):
                self._looked_at += len(line)
                if line.startswith(WARNING.encode()):
                    self._warning = line.decode(errors="replace").strip()

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
