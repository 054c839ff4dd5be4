"""The formats of `export`: one table for the command line and the TUI.

A writer's module is imported on use: `--help` lists the formats without any writer.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from responses_tap.stream.model import JudgedStream

_REPORTS = "responses_tap_viewer.reports"


class Format(NamedTuple):
    """A format of `export`."""

    name: str
    """Its name for `--format`."""
    suffix: str
    """The end of a file's name, after the stem."""
    about: str
    """A description in a few words."""
    bundles: bool
    """Whether one file can hold several streams."""
    writer: str
    """Module and name of the function that turns streams into the content of a file."""
    resends: bool = False
    """Whether it sends the requests again."""

    def write(self, streams: "Sequence[JudgedStream]") -> str | bytes:
        """The content of a file; UnusableInput where the format cannot represent one of the streams."""
        module, _, name = self.writer.partition(":")
        content: str | bytes = getattr(import_module(module), name)(streams)
        return content


FORMATS = {
    format_.name: format_
    for format_ in (
        Format("md", ".md", "a bug report", True, f"{_REPORTS}.markdown:bug_report"),
        Format("html", ".html", "a report as one page", True, f"{_REPORTS}.html_page:page"),
        Format("json", ".json", "the whole trace", True, "responses_tap.formats.trace:write"),
        Format("sse", ".sse", "the body alone", False, "responses_tap.formats.raw:write"),
        Format("har", ".har", "for browsers' tools and proxies", True, "responses_tap.formats.har:write"),
        Format("curl", ".sh", "the request again", True, f"{_REPORTS}.curl_script:script", resends=True),
        Format("otlp", ".otlp.json", "OpenTelemetry spans", True, f"{_REPORTS}.otlp:write"),
        Format(
            "pytest",
            "_test.py",
            "a test for the server's suite",
            True,
            f"{_REPORTS}.pytest_file:tests",
            resends=True,
        ),
    )
}
"""All formats by name; the first is the default."""
