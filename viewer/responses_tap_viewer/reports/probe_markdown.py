"""The matrix of a probe as Markdown, for a job's summary or an issue."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from responses_tap.errors import UnusableInput
from responses_tap.escaping import code_block, code_span
from responses_tap_viewer.probe.matrix import Cell, Matrix
from responses_tap_viewer.probe.outcome import BAD
from responses_tap_viewer.probe.scenario import Scenario
from responses_tap_viewer.reports.probe_report import finding_line, glyph, severity_glyph, summary_line, unrecorded_line


def markdown(matrix: Matrix, errors: Sequence[UnusableInput]) -> str:
    """The servers, the matrix, and each cell that fails with its findings and the request to send again."""
    return "\n".join(_lines(matrix, errors)) + "\n"


def _lines(matrix: Matrix, errors: Sequence[UnusableInput]) -> Iterator[str]:
    yield "# Probe of the Responses API"
    yield ""
    yield f"{summary_line(matrix)}."
    for error in errors:
        yield ""
        yield f"- {code_span(error)}"
    for n, target in enumerate(matrix.targets, 1):
        yield ""
        yield f"**Server {n}**: {code_span(target.url)}, model {code_span(target.model)}"
        yield from (f"- {severity_glyph([f])} in every answer: {code_span(finding_line(f))}" for f in target.findings)
    if matrix.targets:
        yield from _matrix(matrix)
    for scenario in matrix.scenarios:
        for n, _, cell in matrix.cells(scenario):
            if cell.verdict.outcome in BAD:
                yield from _cell(scenario, n + 1, cell)


def _matrix(matrix: Matrix) -> Iterator[str]:
    yield ""
    yield "| scenario | " + " | ".join(f"server {n}" for n in range(1, len(matrix.targets) + 1)) + " |"
    yield "|---" * (len(matrix.targets) + 1) + "|"
    for group, scenarios in groupby(matrix.scenarios, key=lambda scenario: scenario.group):
        yield f"| **{group}** |" + " |" * len(matrix.targets)
        for scenario in scenarios:
            cells = [target.cells.get(scenario.name) for target in matrix.targets]
            yield f"| {scenario.name} | " + " | ".join(map(_outcome, cells)) + " |"


def _outcome(cell: Cell | None) -> str:
    if cell is None:
        return ""
    known = " (baseline)" if cell.problems and not cell.fails else ""
    return f"{glyph(cell)} {cell.verdict.outcome}{known}"


def _cell(scenario: Scenario, server: int, cell: Cell) -> Iterator[str]:
    yield ""
    yield f"## {scenario.name}, server {server}: {cell.verdict.outcome}"
    yield ""
    yield f"{scenario.title} ({scenario.source})."
    yield ""
    yield f"- {code_span(cell.verdict.message)}"
    yield from (f"- {code_span(finding_line(finding))}" for finding in cell.further)
    yield from (f"- {code_span(unrecorded_line(request))}" for request in cell.unrecorded)
    if cell.streams:
        yield f"- recorded as {', '.join(map(code_span, cell.streams))}"
    if cell.curl:
        yield ""
        yield code_block("sh", cell.curl).rstrip("\n")
