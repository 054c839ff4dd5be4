"""The formats of `export`, one table that the command line and the TUI share.

A writer's module is imported when it writes: `--help` names the formats and needs no writer.
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
    """What `--format` takes."""
    suffix: str
    """The end of a file's name, behind the stem."""
    about: str
    """What is in it, in a few words."""
    bundles: bool
    """Whether one file holds several streams."""
    writer: str
    """Module and name of the function that makes a file's content of streams."""

    def write(self, streams: "Sequence[JudgedStream]") -> str | bytes:
        """The content of a file; UnusableInput where the format cannot hold one of the streams."""
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
        Format("curl", ".sh", "the request again", True, f"{_REPORTS}.curl_script:script"),
        Format("otlp", ".otlp.json", "OpenTelemetry spans", True, f"{_REPORTS}.otlp:write"),
        Format(
            "pytest",
            "_test.py",
            "a test for the server's suite",
            True,
            f"{_REPORTS}.pytest_file:tests",
        ),
    )
}
"""All of them, by name; the first is the default."""
