"""The formats of `export`, one table that the command line and the TUI share.

A writer's module is imported when it writes: `--help` names the formats and needs no writer.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from responses_tap_viewer.streams import JudgedStream


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
    write: "Callable[[Sequence[JudgedStream]], str | bytes]"
    """The content of a file; UnusableInput where the format cannot hold one of the streams."""


def _markdown(streams: "Sequence[JudgedStream]") -> str:
    from responses_tap_viewer.reports.markdown import bug_report

    return bug_report(streams)


def _html(streams: "Sequence[JudgedStream]") -> str:
    from responses_tap_viewer.reports.html_page import page

    return page(streams)


def _json(streams: "Sequence[JudgedStream]") -> str:
    from responses_tap_viewer.reports.trace_writer import trace

    return trace(streams)


def _sse(streams: "Sequence[JudgedStream]") -> bytes:
    from responses_tap_viewer.reports.sse_body import body

    return body(streams)


def _har(streams: "Sequence[JudgedStream]") -> str:
    from responses_tap_viewer.reports.har_writer import har

    return har(streams)


def _curl(streams: "Sequence[JudgedStream]") -> str:
    from responses_tap_viewer.reports.curl_script import script

    return script(streams)


def _pytest(streams: "Sequence[JudgedStream]") -> str:
    from responses_tap_viewer.reports.pytest_file import tests

    return tests(streams)


FORMATS = {
    format_.name: format_
    for format_ in (
        Format("md", ".md", "a bug report", True, _markdown),
        Format("html", ".html", "a report as one page", True, _html),
        Format("json", ".json", "the whole trace", True, _json),
        Format("sse", ".sse", "the body alone", False, _sse),
        Format("har", ".har", "for browsers' tools and proxies", True, _har),
        Format("curl", ".sh", "the request again", True, _curl),
        Format("pytest", "_test.py", "a test for the server's suite", True, _pytest),
    )
}
"""All of them, by name; the first is the default."""
