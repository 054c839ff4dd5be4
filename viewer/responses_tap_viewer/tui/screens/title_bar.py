"""The first line of the screen: which recording, and what is in it."""

from textual.content import Content
from textual.widgets import Static

from responses_tap.escaping import printable
from responses_tap.protocol.findings import Severity
from responses_tap.stream.timeline import GLYPHS
from responses_tap_viewer.tui.streams.catalogue import Totals


class TitleBar(Static):
    """The file's name on the left, the totals behind it."""

    def show(self, name: str, totals: Totals) -> None:
        """Show the totals of a recording."""
        parts: list[tuple[str, str]] = [(" responses-tap  ", "bold"), (printable(name), "$text-primary bold")]
        if totals.streams:
            parts.append((f"  {totals.streams:,} stream{'s' if totals.streams > 1 else ''}", ""))
        if totals.errors:
            parts.append((f"  {GLYPHS[Severity.ERROR]} {totals.errors:,} with errors", "$text-error"))
        if totals.warnings:
            parts.append((f"  {GLYPHS[Severity.WARNING]} {totals.warnings:,} with warnings", "$text-warning"))
        if totals.open:
            parts.append((f"  … {totals.open:,} open", "$text-success"))
        self.update(Content.assemble(*parts))
