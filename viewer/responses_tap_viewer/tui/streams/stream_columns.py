"""The columns of the list of streams: what they show, how wide they are, how they sort."""

from collections.abc import Callable
from typing import Any, NamedTuple

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules import RULES
from responses_tap.stream.columns import is_unstreamed
from responses_tap.stream.timeline import CUT, GLYPHS, OK
from responses_tap_viewer.reports.text import NOT_STREAMED, clock, file_name, tokens
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Span
from responses_tap_viewer.tui.summary import Summary

OPEN = "…"
PROMPT, TOOLS = "prompt", "tools"
_TOOLS_FROM = 80
"""The width from which on the tools are shown where there are no findings."""
ARRIVALS = "activity"
"""The column that is not in a summary: it is read for the visible streams alone."""
ARRIVALS_WIDTH = 8
ID_WIDTH = 5
_NS = 1e9
_BAD_STATES = ("truncated", "http-error", "failed")
_HTTP_ERROR = 400

type SortKey = Callable[[Summary], Any]
"""What a column sorts by; None comes last, whichever way round."""


class ListColumn(NamedTuple):
    """A column of the list."""

    title: str
    cell: Callable[[Summary], Span]
    width: int
    sort: SortKey | None = None
    from_width: int = 0
    """The width of the list from which on it is shown."""
    right: bool = False
    share: int = 0
    """Which part, in hundredths, it gets of the room that is left; the last column gets the rest."""
    down: bool = False
    """Whether one wants the largest first."""


def columns(width: int, *, has_findings: bool = True) -> list[tuple[ListColumn, int]]:
    """The columns that a list so wide has, each with its width; without findings, prompt and tools get their room."""
    least = {} if has_findings else {TOOLS: _TOOLS_FROM}
    offered = COLUMNS if has_findings else COLUMNS[:-1]
    shown = [column for column in offered if width >= least.get(column.title, column.from_width)]
    left = max(0, width - sum(column.width + 1 for column in shown))
    widths = [column.width + left * column.share // 100 for column in shown]
    takes_rest = -1 if has_findings else [column.title for column in shown].index(PROMPT)
    widths[takes_rest] += width - sum(widths) - len(widths)
    return list(zip(shown, widths, strict=True))


def _time(summary: Summary) -> Span:
    return clock(summary.started_at, "%H:%M:%S"), "dim"


def _status(summary: Summary) -> Span:
    if summary.status is None:
        return "", "plain"
    return str(summary.status), "error" if summary.status >= _HTTP_ERROR else "plain"


def _state(summary: Summary) -> Span:
    return summary.state, "error" if summary.state in _BAD_STATES else "ok" if summary.state == "open" else "plain"


def _seconds(ns: int | None) -> Span:
    return "" if ns is None else f"{ns / _NS:.3f}", "plain"


def _tokens(summary: Summary) -> Span:
    return tokens(summary), "plain"


def _turn(summary: Summary) -> Span:
    return "" if summary.turn is None else str(summary.turn), "dim"


def _prompt(summary: Summary) -> Span:
    """What the request is about; of a stream from a file that has no request, the file's name."""
    if summary.prompt is None:
        return file_name(summary.source), "dim"
    return summary.prompt, "plain"


def verdict(summary: Summary) -> Span:
    """Glyphs and numbers of what is wrong with a stream."""
    glyphs = CUT if summary.state == "truncated" else OPEN if summary.state == "open" else ""
    if summary.errors:
        glyphs += f"{GLYPHS[Severity.ERROR]}{summary.errors}"
    if summary.warnings:
        glyphs += f"{GLYPHS[Severity.WARNING]}{summary.warnings}"
    if summary.errors:
        return glyphs, "error"
    return glyphs or OK, "warning" if summary.warnings else "plain" if glyphs else "ok"


def first_words(summary: Summary) -> Span:
    """The first finding, and what the stream says went wrong."""
    text, role = finding(*summary.first_finding) if summary.first_finding else ("", "plain")
    if not text and is_unstreamed(summary):
        text, role = NOT_STREAMED, "dim"
    return "  ".join(filter(None, (text, summary.error))), role if text else "error"


def finding(code: str, severity: Severity | None) -> Span:
    """A finding's glyph, code and name; a rule's usual severity, where its own isn't known."""
    rule = RULES.get(code)
    if rule is None:
        return code, "plain"
    severity = severity or rule.severity
    return f"{GLYPHS[severity]} {rule.code} {rule.name}", SEVERITY_ROLES[severity]


COLUMNS = (
    ListColumn("id", lambda s: (str(s.id), "plain"), ID_WIDTH, lambda s: s.id, right=True),
    ListColumn("turn", _turn, 4, lambda s: s.turn, 110, right=True),
    ListColumn("time", _time, 8, lambda s: s.started_at),
    ListColumn(PROMPT, _prompt, 13, lambda s: s.prompt and s.prompt.lower(), share=45),
    ListColumn(TOOLS, lambda s: (s.tools or "", "key"), 11, lambda s: s.tools, 140, share=10),
    ListColumn("model", lambda s: (s.model or "", "strong"), 9, lambda s: s.model and s.model.lower(), 76, share=15),
    ListColumn("route", lambda s: (f"{s.route} {s.path}", "plain"), 12, lambda s: (s.route, s.url), 170, share=10),
    ListColumn("http", _status, 4, lambda s: s.status, 120, right=True, down=True),
    ListColumn("state", _state, 10, lambda s: s.state, 90),
    ListColumn(
        "TTFB s", lambda s: _seconds(s.first_event_ns), 7, lambda s: s.first_event_ns, 150, right=True, down=True
    ),
    ListColumn("duration", lambda s: _seconds(s.last_ns), 8, lambda s: s.last_ns, 84, right=True, down=True),
    ListColumn("events", lambda s: (str(s.event_count), "plain"), 6, lambda s: s.event_count, right=True, down=True),
    ListColumn(
        "tokens", _tokens, 9, lambda s: (s.output_tokens or 0) + (s.input_tokens or 0), 104, right=True, down=True
    ),
    ListColumn(ARRIVALS, lambda _: ("", "key"), ARRIVALS_WIDTH, None, 128),
    ListColumn("verdict", verdict, 7, lambda s: (s.errors, s.warnings, s.state in _BAD_STATES), down=True),
    ListColumn("first finding", first_words, 12, lambda s: s.first_code),
)
SORT_KEYS = {column.title: column.sort for column in COLUMNS if column.sort is not None}
