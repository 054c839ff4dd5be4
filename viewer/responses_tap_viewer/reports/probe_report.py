"""The matrix of a probe: as a tree by group for a terminal, and as a JSON document."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from responses_tap.errors import UnusableInput
from responses_tap.escaping import dumps, printable, shorten
from responses_tap.formats.trace import finding_object
from responses_tap.protocol.findings import Finding, Severity, counted
from responses_tap.stream import timeline
from responses_tap_viewer.probe.matrix import Cell, Matrix, Target, UnrecordedRequest
from responses_tap_viewer.probe.outcome import BAD, Outcome
from responses_tap_viewer.probe.scenario import Scenario

VERSION = 1
_SHOWN = 300
"""Characters of a line about a request that no stream shows."""
GLYPHS = {
    Outcome.PASSED: "●",
    Outcome.VIOLATED: "✖",
    Outcome.UNEXPECTED: "▲",
    Outcome.UNSUPPORTED: "○",
    Outcome.FAILED: "✖",
    Outcome.FLAKY: "▲",
    Outcome.SKIPPED: "·",
}
_COLOURS = {"●": "32", "✖": "31", "▲": "33"}


def matrix_lines(matrix: Matrix) -> Iterator[str]:
    """The scenarios by group, each with its outcome at each server."""
    for target in matrix.targets:
        yield f"{printable(target.url)} · {printable(target.model)}"
        for finding in target.findings:
            known = " (in the baseline)" if finding.code in target.known else ""
            yield f"  {_coloured(severity_glyph([finding]))} in every answer: {finding_line(finding)}{known}"
    for group, scenarios in groupby(matrix.asked, key=lambda scenario: scenario.group):
        yield ""
        yield group
        for scenario in scenarios:
            for _, target, cell in matrix.cells(scenario):
                where = f"  [{printable(target.url)}]" if len(matrix.targets) > 1 else ""
                yield from _cell_lines(scenario, cell, where)
    if matrix.targets:
        yield ""
    yield summary_line(matrix)


def summary_line(matrix: Matrix) -> str:
    """How many cells there are of each outcome."""
    told = ", ".join(f"{count} {outcome}" for outcome, count in matrix.summary.items() if count)
    wide = sum(len(target.findings) for target in matrix.targets)
    more = f"; {counted(wide, 'finding')} in every answer" if wide else ""
    return f"{told or 'no scenario was run'}{more}{' (interrupted)' if matrix.is_interrupted else ''}"


def _cell_lines(scenario: Scenario, cell: Cell, where: str) -> Iterator[str]:
    outcome, message = cell.verdict
    known = " (in the baseline)" if cell.problems and not cell.fails else ""
    runs = f" in {cell.runs} runs" if cell.runs > 1 else ""
    yield f"  {_coloured(glyph(cell))} {scenario.name}{where}: {outcome}{runs}{known}"
    if outcome is Outcome.PASSED:
        return
    yield f"      {scenario.title}: {printable(message)}"
    for finding in cell.further:
        yield f"      {finding_line(finding)}"
    if outcome in BAD:
        yield from (f"      {unrecorded_line(request)}" for request in cell.unrecorded)
        if cell.streams:
            yield f"      responses-tap show '{printable(cell.streams[-1])}'"
        if cell.curl:
            yield f"      {printable(cell.curl)}"


def glyph(cell: Cell) -> str:
    """The glyph of a cell's outcome; where only warnings made it, theirs."""
    outcome = cell.verdict.outcome
    return severity_glyph(cell.findings) if outcome is Outcome.VIOLATED else GLYPHS[outcome]


def severity_glyph(findings: Iterable[Finding]) -> str:
    """The glyph of the worst finding."""
    is_error = any(finding.severity is Severity.ERROR for finding in findings)
    return timeline.GLYPHS[Severity.ERROR if is_error else Severity.WARNING]


def _coloured(glyph_: str) -> str:
    return f"\x1b[{_COLOURS.get(glyph_, '2')}m{glyph_}\x1b[0m"


def scenario_lines(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """The scenarios by group, each with its title and where it is written."""
    for group, members in groupby(scenarios, key=lambda scenario: scenario.group):
        yield group
        for scenario in members:
            alone = " (run by name alone)" if scenario.hosted else ""
            yield f"  {scenario.name}: {scenario.title}{alone}"
            yield f"      {scenario.source}"


def finding_line(finding: Finding) -> str:
    """A finding in a line, as `check` has it."""
    return f"{finding.code} {finding.name}: {printable(finding.message)}"


def unrecorded_line(request: UnrecordedRequest) -> str:
    """A request that no stream shows, and the beginning of its answer, in a line."""
    return printable(shorten(f"{request.request}: {request.status} {request.answer}", _SHOWN))


def matrix_json(matrix: Matrix, errors: Sequence[UnusableInput], stale: int) -> str:
    """The matrix as a document."""
    return dumps(
        {
            "version": VERSION,
            "targets": [_target(target) for target in matrix.targets],
            "scenarios": [_scenario(scenario, matrix) for scenario in matrix.scenarios],
            "errors": [{"source": error.source, "message": error.message} for error in errors],
            "summary": matrix.summary | {"stale": stale},
        }
    )


def _target(target: Target) -> dict[str, Any]:
    return {
        "url": target.url,
        "model": target.model,
        "server": target.server,
        "findings": [_finding(finding, target.known) for finding in target.findings],
    }


def _scenario(scenario: Scenario, matrix: Matrix) -> dict[str, Any]:
    return {
        "name": scenario.name,
        "group": scenario.group,
        "title": scenario.title,
        "source": scenario.source,
        "results": [
            {
                "target": n,
                "outcome": str(cell.verdict.outcome),
                "message": cell.verdict.message,
                "runs": cell.runs,
                "baseline": bool(cell.problems) and not cell.fails,
                "findings": [_finding(finding, cell.known) for finding in cell.findings],
                "streams": list(cell.streams),
                "curl": cell.curl,
                "unrecorded": [request.model_dump() for request in cell.unrecorded],
            }
            for n, _, cell in matrix.cells(scenario)
        ],
    }


def _finding(finding: Finding, known: frozenset[str]) -> dict[str, Any]:
    return finding_object(finding) | {"baseline": finding.code in known}
