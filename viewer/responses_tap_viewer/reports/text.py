"""Plain text for a terminal: glyphs that are clear without colour, and colour on a terminal."""

import textwrap
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import click

from responses_tap.escaping import printable, shorten
from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Finding, Severity, at_event
from responses_tap.protocol.findings import counted as counted  # noqa: PLC0414 - every report counts
from responses_tap.protocol.rules import GROUPS, RULES, Rule, advice
from responses_tap.stream.columns import StreamRow, is_unstreamed
from responses_tap.stream.model import JudgedStream
from responses_tap.stream.timeline import CUT, GLYPHS, OK, TimelineRow, render
from responses_tap_viewer.compare.conversation_groups import Conversation, conversations
from responses_tap_viewer.reports.event_lists import event_list

if TYPE_CHECKING:  # what reads files of any format, which a recording's lists have no need of
    from responses_tap_viewer.checking.paths import Checked
    from responses_tap_viewer.checking.tally import Tally

COLORS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
WARNING = "! "
"""The start of a line in which `record` reports a problem besides the streams."""
IMPORTED = "imported from "
"""How the source of a stream begins that comes from a file."""
NOT_STREAMED = "not streamed"
"""What is said of a response that came as one JSON object."""
_NO_ERRORS: Mapping[int, str] = {}
_LONGEST_ERROR = 100
_WIDTH = 100
_PROMPT, _WIDE_PROMPT = 28, 50
"""Columns for a prompt's first words."""
_THOUSAND = 1000


class _Judged(Protocol):
    """What was found in a stream, or in several."""

    @property
    def state(self) -> str: ...
    @property
    def errors(self) -> int: ...
    @property
    def warnings(self) -> int: ...


class _Metered(Protocol):
    """The tokens of a stream, or of several."""

    @property
    def input_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...


def checked_lines(checked: "Checked") -> Iterator[str]:
    """The verdict on one response: a line, and two for each finding."""
    name = checked.source if checked.id is None else f"{checked.source}#{checked.id}"
    name += f" [{checked.index}]" if checked.index else ""
    words = [checked.response_id, checked.model, checked.state, counted(checked.events, "event")]
    yield f"{_verdict_glyph(checked)} {printable(name)}  " + " · ".join(shorten(word) for word in words if word)
    if checked.why:
        yield f"  profile {checked.profile}: {checked.why}"
    for finding in checked.findings:
        is_tolerated = finding in checked.tolerated
        yield f"  {finding_line(finding)}" + (" (in the baseline)" if is_tolerated else "")
        if not is_tolerated and (fix := advice(finding.code, finding.severity, finding)):
            yield f"      {fix}"


def finding_line(finding: Finding) -> str:
    """A finding in one line."""
    at = at_event(finding.position, finding.message)
    head = _colored(f"{GLYPHS[finding.severity]} {finding.code} {finding.name}", finding.severity)
    return f"{head}{at}: {printable(finding.message)}"


def summary_line(tally: "Tally", profile: str) -> str:
    """A summary of what was found."""
    counts = {severity: tally.severities[severity] for severity in Severity}
    words = [_colored(f"{GLYPHS[s]} {counted(n, s)}", s) if n else counted(n, s) for s, n in counts.items()]
    streams = counted(tally.streams, "stream")
    words += [f"{tally.tolerated} in the baseline"] if tally.tolerated else []
    return f"{', '.join(words)} in {streams}  (profile {profile}, rules {RULES_VERSION})"


def statistics(tally: "Tally") -> Iterator[str]:
    """The findings by rule, the most frequent first: how many, and in how many streams; streams by host, model, day."""
    for code, number in sorted(tally.findings.items(), key=lambda entry: (-entry[1], entry[0])):
        yield f"{number:>6}  {code} {RULES[code].name}  in {counted(tally.streams_with[code], 'stream')}"
    for group, streams in tally.streams_of.items():
        yield f"By {group}:"
        for value, number in sorted(streams.items()):
            broken = tally.broken_of[group][value]
            share = f", {broken} ({broken / number:.1%}) with errors" if broken else ""
            yield f"{number:>6}  {printable(value)}{share}"


def list_lines(rows: Iterable[StreamRow], errors: Mapping[int, str] = _NO_ERRORS) -> Iterator[str]:
    """The streams of a recording, a line each; below them how to fix what their first findings are.

    `errors` has, by id, what streams say went wrong.
    """
    codes: set[str] = set()
    yield (
        f"{'id':>5}  {'time':<19} {'model':<18} {'status':>6} {'state':<11} {'events':>6} {'tokens':>9}"
        f"  {'prompt':<{_PROMPT}}  verdict"
    )
    for row in rows:
        yield (
            f"{row.id:>5}  {clock(row.started_at, '%Y-%m-%d %H:%M:%S'):<19} {_cell(row.model, 18)}"
            f" {row.status or '':>6} {row.state:<11} {row.event_count:>6} {tokens(row):>9}"
            f"  {_cell(row.prompt, _PROMPT)}  {_verdict(row, errors, row.links)}".rstrip()
        )
        codes |= _serious_code(row)
    yield from _fixes(codes)


def conversation_lines(rows: Iterable[StreamRow], errors: Mapping[int, str] = _NO_ERRORS) -> Iterator[str]:
    """The conversations of a recording: what the turns of each add up to, and the turns, a line each, as `list_lines`.

    What a turn says of its place is left out.
    """
    codes: set[str] = set()
    for conversation in conversations(rows):
        yield " · ".join(conversation_words(conversation))
        for row in conversation.streams:
            links = [link for link in row.links if link != row.turn_words]
            yield (
                f"  {row.turn or '':>4}  {row.id:>5}  {clock(row.started_at, '%H:%M:%S')} {tokens(row):>9}"
                f"  {_cell(row.prompt, _WIDE_PROMPT)}  {_verdict(row, errors, links)}".rstrip()
            )
            codes |= _serious_code(row)
    yield from _fixes(codes)


def conversation_words(conversation: Conversation[Any]) -> Iterator[str]:
    """What a conversation is called, and what its turns add up to."""
    yield f"{verdict_glyph(conversation)} conversation {shorten(conversation.name)}"
    yield counted(conversation.turns, "turn")
    if conversation.input_tokens is not None or conversation.output_tokens is not None:
        yield f"{tokens(conversation)} tokens"
    yield f"{conversation.seconds:.1f} s"
    yield from _serious(conversation)


def _verdict(row: StreamRow, errors: Mapping[int, str], links: Iterable[str]) -> str:
    """A glyph, what was found, and what else there is to say of a stream."""
    counts = _serious(row)
    words = [
        *([f"{', '.join(counts)}, first {row.first_code}"] if counts else []),
        *([f"calls {shorten(row.tools)}"] if row.tools else []),
        *links,
        *([NOT_STREAMED] if is_unstreamed(row) else []),
        *([shorten(errors[row.id], _LONGEST_ERROR)] if row.id in errors else []),
        *filter(None, [file_name(row.source)]),
    ]
    return f"{verdict_glyph(row)} {' · '.join(words)}"


def _serious(counts: _Judged) -> list[str]:
    """How many errors and warnings there are, in words."""
    found = ((counts.errors, "error"), (counts.warnings, "warning"))
    return [counted(number, noun) for number, noun in found if number]


def _serious_code(row: StreamRow) -> set[str]:
    return {row.first_code} if row.first_code and _serious(row) else set()


def _cell(text: str | None, width: int) -> str:
    """A text in a column of this width."""
    shown = shorten(text or "", width)
    if shown.isascii():
        return shown.ljust(width)
    from rich.cells import cell_len

    return shown + " " * (width - cell_len(shown))


def clock(started_at: str, form: str) -> str:
    """A wall clock's time, as this machine's clock shows it."""
    try:
        return datetime.fromisoformat(started_at).astimezone().strftime(form)
    except ValueError:
        return shorten(started_at)


def tokens(counts: _Metered) -> str:
    """Tokens in and out, short enough for a column; empty where none are stated."""
    if counts.input_tokens is None and counts.output_tokens is None:
        return ""
    return f"{_short(counts.input_tokens)}/{_short(counts.output_tokens)}"


def _short(number: int | None) -> str:
    if number is None:
        return "?"
    if abs(number) < 10 * _THOUSAND:
        return str(number)
    return f"{number / _THOUSAND:.0f}k" if abs(number) < _THOUSAND**2 else f"{number / _THOUSAND**2:.1f}M"


def file_name(source: str) -> str:
    """The name of the file that a stream with this source was imported from; empty where it wasn't."""
    path = source.partition(", ")[0].removeprefix(IMPORTED)
    return shorten(path.rpartition("/")[2]) if source.startswith(IMPORTED) else ""


def _fixes(codes: Iterable[str]) -> Iterator[str]:
    known = [RULES[code] for code in sorted(codes) if code in RULES]
    if known:
        yield ""
    for rule in known:
        yield f"{rule.code} {rule.name}: {advice(rule.code, Severity.ERROR)}"


def verdict_glyph(judged: _Judged) -> str:
    """The verdict on a recorded stream, or on several, as one character."""
    if judged.errors or judged.warnings:
        return GLYPHS[Severity.ERROR if judged.errors else Severity.WARNING]
    return {"truncated": CUT, "open": "…"}.get(judged.state, OK)


def stream_lines(stream: JudgedStream, rows: Iterable[TimelineRow]) -> Iterator[str]:
    """A stream's head and its timeline."""
    yield from stream_title(stream)
    for row in rows:
        for line in render([row]):
            yield _colored(line, row.finding.severity) if row.finding else line
    yield ""


def stream_title(stream: JudgedStream) -> Iterator[str]:
    """A stream's name and what is known about it."""
    row = stream.row
    if row is None:
        yield printable(stream.name)
        return
    words = [row.started_at, row.model, f"HTTP {row.status}" if row.status else None, row.state]
    if row.ended_by:
        words.append(f"ended by {row.ended_by}" + (f" ({row.end_reason})" if row.end_reason else ""))
    words += [*row.links, NOT_STREAMED if is_unstreamed(row) else None]
    yield printable(f"{stream.name}  {row.method} {row.url}")
    yield " · ".join(shorten(word, 120) for word in words if word)
    yield from (shorten(told, 120) for call in stream.calls if (told := call.seen_from(row.id)))


def rule_list(wanted: Collection[str] = RULES) -> Iterator[str]:
    """The rules of these codes, a line each."""
    for group in GROUPS:
        rules = [RULES[code] for code in sorted(wanted) if RULES[code].__module__ == group.__name__]
        if rules:
            yield (group.__doc__ or "").strip()
        for rule in rules:
            yield f"  {rule.code}  {rule.severity:<8} {rule.name:<26} {rule.page().what}"


def rule_page(rule: type[Rule]) -> Iterator[str]:
    """A rule's page."""
    page = rule.page()
    yield f"{rule.code} {rule.name} ({rule.severity})"
    yield ""
    yield from textwrap.wrap(page.what, _WIDTH, break_on_hyphens=False)
    for title, lines in (
        ("Affected clients", [page.impact]),
        ("How to fix", [page.fix]),
        ("Wrong", event_list(page.bad)),
        ("Expected", event_list(page.good)),
        ("When this is OK", [page.fine]),
        ("Source", [page.source]),
    ):
        if any(lines):
            yield ""
            yield f"{title}:"
            for line in lines:
                indent = "  " + " " * (len(line) - len(line.lstrip()))
                yield from textwrap.wrap(
                    line.lstrip(), _WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
                )


def _verdict_glyph(checked: "Checked") -> str:
    worst = min((finding.severity for finding in checked.counted), key=lambda s: s.rank, default=None)
    return OK if worst in (None, Severity.NOTE) else GLYPHS[worst]


def _colored(text: str, severity: Severity) -> str:
    return click.style(text, fg=COLORS[severity])
