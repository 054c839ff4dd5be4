"""What stands in the place of the lists while there is nothing to list: how to get something, or what is wrong."""

from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from responses_tap.escaping import printable, shell_word, shorten
from responses_tap.stream.timeline import MISSING
from responses_tap_viewer.streams import default_recording
from responses_tap_viewer.tui.screens.activity_line import RecorderStatus

_KEY = _COMMAND = "bold $text-primary"


class Welcome(Static):
    """The commands that make a first recording, what one that runs waits for, or why none can be read."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as all widgets call it
        super().__init__(id=id)
        self._shown: tuple[str, ...] = ()

    def show(self, path: Path, trouble: str, recorder: RecorderStatus | None) -> None:
        """Show the trouble with the recording at `path`, if there is one, and the way to streams."""
        body = _how_to_record(path, trouble) if recorder is None else _awaited(recorder)
        if trouble:
            head = Content.styled(f"{MISSING} {printable(trouble)}\n\n", "$text-error")
        else:
            head = Content.styled(f"{printable(str(path))} has no streams yet.\n\n", "bold")
        shown = (head.plain, body.plain)
        if shown != self._shown:
            self._shown = shown
            self.update(head + body)


def _how_to_record(path: Path, trouble: str) -> Content:
    is_foreign = trouble and path.exists()
    db = "" if is_foreign or path == default_recording() else f"--db {shell_word(str(path))} "
    return Content.assemble(
        "Record a client:\n\n",
        (f"  responses-tap record {printable(db)}-- python my_client.py\n\n", _COMMAND),
        "Or play sample streams of several servers, without an API key or a network:\n\n",
        ("  responses-tap demo", _COMMAND),
        "   (here: ",
        ("D", _KEY),
        ")\n\n",
        ("New streams appear here immediately.", "$text-muted"),
    )


def _awaited(recorder: RecorderStatus) -> Content:
    if not recorder.is_recording:
        return Content.assemble("The recorder has ended. What it and its command printed: ", ("L", _KEY))
    way_in = printable(recorder.way_in)
    if recorder.command:
        waiting = f"Waiting for the first request of: {shorten(recorder.command)}\n\n"
        others = "Any other client is recorded, too, if you set in its terminal:\n\n"
    else:
        waiting = "Waiting for the first request of a client.\n\n"
        others = "Set in the client's terminal:\n\n"
    return Content.assemble(
        waiting,
        *((others, (f"  {way_in}\n\n", _COMMAND)) if way_in else ()),
        ("New streams appear here immediately.", "$text-muted"),
    )
