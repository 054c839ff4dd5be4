"""`view`: the terminal UI on a recording, on files that are put into one for it, on what comes through a pipe."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from responses_tap.errors import UnusableInput
from responses_tap_viewer.actions.gathering import only_database, put_together
from responses_tap_viewer.actions.recording.piping import NAME, read_start, record_pipe
from responses_tap_viewer.printing import complain
from responses_tap_viewer.streams import STDIN, default_recording, recording_files, require_here

if TYPE_CHECKING:
    from responses_tap_viewer.tui.screens.activity_line import RecorderStatus

_PIECE = 1 << 20
_NEED = "notes, marks and deletions need a recording"


def view(paths: Sequence[str]) -> None:
    """Open the terminal UI on these paths; UnusableInput where there is nothing in them to look at."""
    for path in paths:
        require_here(Path(path))
    named = only_database(paths)
    if named is not None and len(recording_files(named)) == 1:
        browse(named)
    else:
        with tempfile.TemporaryDirectory(prefix="responses-tap-view-", ignore_cleanup_errors=True) as folder:
            db = Path(folder) / "view.db"
            _fill(db, paths)
            browse(db, title=_title(paths), unkept=_unkept(paths))


def _unkept(paths: Sequence[str]) -> str:
    """Why what is written into a recording for the moment would be lost, and what to do instead."""
    if STDIN in paths:
        return f"What comes through a pipe is not kept: {_NEED} (responses-tap record -- COMMAND)"
    if only_database(paths) is not None:
        return f"The files of several processes are shown as one: {_NEED} of one file (responses-tap view FILE-1.db)"
    return f"Files are shown as they are: {_NEED} (responses-tap import FILE… --db mine.db)"


def _title(paths: Sequence[str]) -> str:
    if len(paths) > 1:
        return f"{len(paths)} paths"
    path = paths[0] if paths else str(default_recording())
    return NAME if path == STDIN else path


def browse(db: Path, *, title: str = "", recorder: "RecorderStatus | None" = None, unkept: str = "") -> None:
    """Open the terminal UI on a recording that is there or will be, under another title than the file's name.

    `recorder` is what writes it, if its status is to be shown; `unkept` says why nothing that the user writes into it
    would last, empty where it does.
    """
    from responses_tap_viewer.actions.recording.samples import demo
    from responses_tap_viewer.tui.app import TapApp
    from responses_tap_viewer.tui.screens.main_screen import DEMO

    need_terminal()
    app = TapApp(db, title=title, recorder=recorder, unkept=unkept)
    result = app.run()
    for words in app.deletions.carry_out():
        complain(words)
    if result == DEMO:
        demo(browse_demo)


def browse_demo(db: Path) -> None:
    """Open the terminal UI on the demo's recording, which is removed afterwards."""
    browse(db, unkept=f"The demo is not kept: {_NEED} of your own (responses-tap record -- COMMAND)")


def need_terminal() -> None:
    """Raise UnusableInput where there is no terminal to draw in."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UnusableInput("", "the terminal UI needs a terminal; use `list` and `show` instead")


def _fill(db: Path, paths: Sequence[str]) -> None:
    """Put what the paths hold into a new recording; complains about what cannot be used, and raises if nothing can."""
    if STDIN in paths:
        if len(paths) > 1:
            raise UnusableInput(STDIN, "means standard input and cannot be combined with other paths")
        piped = _piped(db)
        paths = [] if piped is None else [piped]
    if paths:
        put_together(db, paths)


def _piped(db: Path) -> str | None:
    """Record what comes through standard input, and give the keyboard its place; else a file to be imported."""
    if sys.stdin.isatty():
        raise UnusableInput(NAME, "is a terminal; pipe a stream into it: curl -sN … | responses-tap view -")
    pipe = os.dup(0)
    try:
        keyboard = os.open("/dev/tty", os.O_RDWR)
    except OSError as error:
        raise UnusableInput("", "no terminal is available; use `check -` instead") from error
    os.dup2(keyboard, 0)
    os.close(keyboard)
    start, is_stream = read_start(pipe)
    if is_stream:
        record_pipe(pipe, start, db)
        return None
    whole = db.with_name(NAME)
    with whole.open("wb") as file, os.fdopen(pipe, "rb") as rest:
        file.write(start)
        while piece := rest.read(_PIECE):
            file.write(piece)
    return str(whole)
