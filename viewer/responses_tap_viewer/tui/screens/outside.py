"""Opens what the screen shows in other programs: a page in the pager, a report in the browser."""

import os
import shlex
import subprocess
import tempfile
import webbrowser
from pathlib import Path

from textual.app import App, SuspendNotSupported

from responses_tap.errors import UnusableInput

_PAGER = "less -R"


class OutsideViews:
    """Hands texts to other programs; the files of reports are deleted when the screen closes."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def page(self, app: App[str], text: str) -> None:
        """Show a text in $PAGER, which has the terminal meanwhile; UnusableInput where there is none."""
        pager = os.environ.get("PAGER") or _PAGER
        try:
            with app.suspend():
                subprocess.run(shlex.split(pager), input=text.encode(), check=False)  # noqa: S603 - the user's own
        except (OSError, ValueError, SuspendNotSupported) as error:
            raise UnusableInput(pager, f"cannot be started as a pager ({error}); set PAGER") from error

    def browse(self, name: str, page: bytes) -> Path:
        """Show an HTML page in the browser ($BROWSER, else the default one); UnusableInput where there is none."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="responses-tap-", ignore_cleanup_errors=True)
        file = Path(self._folder.name) / name
        file.write_bytes(page)
        if not webbrowser.open(file.as_uri()):
            raise UnusableInput("", "no browser was found; set BROWSER, or export the page with x")
        return file

    def close(self) -> None:
        """Delete the files."""
        if self._folder is not None:
            self._folder.cleanup()
