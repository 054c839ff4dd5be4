"""What stands in the place of the lists while there is nothing to list: how to get something, or what is wrong."""

from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from responses_tap.escaping import printable, shell_word
from responses_tap.stream.timeline import MISSING
from responses_tap_viewer.streams import default_recording


class Welcome(Static):
    """The commands that make a first recording, or why the one that was named cannot be read."""

    def show(self, path: Path, trouble: str) -> None:
        """Show the trouble with the recording at `path`, if there is one, and the way to a recording."""
        is_foreign = trouble and path.exists()
        db = "" if is_foreign or path == default_recording() else f"--db {shell_word(str(path))} "
        if trouble:
            head = ((f"{MISSING} {printable(trouble)}\n\n", "$text-error"),)
        else:
            head = ((f"{printable(str(path))} has no streams yet.\n\n", "bold"),)
        self.update(
            Content.assemble(
                *head,
                "Record a client:\n\n",
                (f"  responses-tap record {printable(db)}-- python my_client.py\n\n", "bold $text-primary"),
                "Or play sample streams of several servers, without an API key or a network:\n\n",
                ("  responses-tap demo", "bold $text-primary"),
                "   (here: ",
                ("D", "bold $text-primary"),
                ")\n\n",
                ("New streams appear here immediately.", "$text-muted"),
            )
        )
