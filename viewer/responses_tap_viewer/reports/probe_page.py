"""The matrix of a probe as one page: scenario × server; each cell opens its findings and timelines."""

from collections.abc import Iterator
from itertools import groupby

from responses_tap.errors import RecordingError, UnusableInput
from responses_tap.escaping import html
from responses_tap_viewer.probe.matrix import Cell, Matrix, Target, UnrecordedRequest
from responses_tap_viewer.probe.outcome import BAD, Outcome
from responses_tap_viewer.probe.scenario import Scenario
from responses_tap_viewer.reports.html_page import Section, document
from responses_tap_viewer.reports.probe_report import GLYPHS, finding_line, glyph, severity_glyph, summary_line
from responses_tap_viewer.streams import find_stream

_MOST_STREAMS = 3
"""Timelines of a cell; of more streams, the page names the others."""


def page(matrix: Matrix) -> str:
    """The matrix as one page."""
    names = ", ".join(dict.fromkeys(target.url for target in matrix.targets))
    filters = "\n".join(
        f'<button type="button" data-outcome="{outcome}" aria-pressed="false">'
        f"{GLYPHS[Outcome(outcome)]} {count} {outcome}</button>"
        for outcome, count in matrix.summary.items()
        if count
    )
    return document(f"Probe of {names or 'no server'}", "matrix", "\n".join(_main(matrix)), filters=filters)


def _main(matrix: Matrix) -> Iterator[str]:
    yield f"<p>{html(summary_line(matrix))}.</p>"
    for target in matrix.targets:
        yield f"<h2>{html(target.url)}</h2>"
        yield f"<p>Model {html(target.model)}{f', server {html(target.server)}' if target.server else ''}.</p>"
        if target.findings:
            yield "<p>In every answer:</p><ul>"
            for finding in target.findings:
                yield f'<li class="violated">{severity_glyph([finding])} {html(finding_line(finding))}</li>'
            yield "</ul>"
    yield from _table(matrix)
    streams = sum(len(cell.streams) for target in matrix.targets for cell in target.cells.values())
    yield "<h2>Answers</h2>"
    for scenario in matrix.scenarios:
        for n, target, cell in matrix.cells(scenario):
            yield from _cell(scenario, n, target, cell, streams)


def _table(matrix: Matrix) -> Iterator[str]:
    yield '<div class="wide"><table class="matrix"><caption>Scenarios and servers</caption>'
    heads = "".join(f'<th scope="col">{html(target.url)}</th>' for target in matrix.targets)
    yield f'<thead><tr><th scope="col">Scenario</th>{heads}</tr></thead>'
    for group, scenarios in groupby(matrix.scenarios, key=lambda scenario: scenario.group):
        yield f'<tbody><tr><th scope="rowgroup" colspan="{len(matrix.targets) + 1}">{html(group)}</th></tr>'
        for scenario in scenarios:
            cells = {n: cell for n, _, cell in matrix.cells(scenario)}
            outcomes = " ".join(sorted({str(cell.verdict.outcome) for cell in cells.values()}))
            yield f'<tr data-outcomes="{outcomes}">'
            yield f'<th scope="row">{html(scenario.name)}<small>{html(scenario.title)}</small></th>'
            yield from (_entry(scenario, n, cells.get(n)) for n in range(len(matrix.targets)))
            yield "</tr>"
        yield "</tbody>"
    yield "</table></div>"


def _entry(scenario: Scenario, n: int, cell: Cell | None) -> str:
    if cell is None:
        return "<td></td>"
    outcome = cell.verdict.outcome
    link = f'<a href="#{_id(scenario, n)}">{outcome}</a>'
    return f'<td class="{outcome}"><span aria-hidden="true">{glyph(cell)}</span> {link}{_known(cell)}</td>'


def _cell(scenario: Scenario, n: int, target: Target, cell: Cell, streams: int) -> Iterator[str]:
    outcome, message = cell.verdict
    problem = " data-problem" if outcome in BAD else ""
    yield f'<details class="cell" id="{_id(scenario, n)}" data-outcomes="{outcome}"{problem}>'
    yield f'<summary><span class="{outcome}">{glyph(cell)} {outcome}</span> {html(scenario.name)}'
    yield f" at {html(target.url)}{_known(cell)}</summary><div>"
    yield f"<p>{html(scenario.title)} ({html(scenario.source)}).</p>"
    if message:
        yield f"<p>{html(message)}</p>"
    if cell.further:
        yield "<ul>"
        yield from (f"<li>{html(finding_line(finding))}</li>" for finding in cell.further)
        yield "</ul>"
    if cell.curl:
        yield f'<pre tabindex="0" aria-label="The request as a line of curl">{html(cell.curl)}</pre>'
    for request in cell.unrecorded:
        yield from _unrecorded(request)
    for k, place in enumerate(cell.streams[:_MOST_STREAMS]):
        yield from _stream(place, f"{_id(scenario, n)}-{k}", streams)
    if others := cell.streams[_MOST_STREAMS:]:
        yield f"<p>Also recorded: {html(', '.join(others))}.</p>"
    yield "</div></details>"


def _stream(place: str, id_: str, streams: int) -> Iterator[str]:
    yield f'<details class="stream"><summary>The response, recorded as {html(place)}</summary><div>'
    try:
        yield from Section(find_stream(place), id_, streams).lines()
    except (UnusableInput, RecordingError) as error:
        yield f"<p>{html(error)}</p>"
    yield "</div></details>"


def _unrecorded(request: UnrecordedRequest) -> Iterator[str]:
    yield f"<details><summary>The response to {html(request.request)}: {request.status}</summary>"
    for title, text in (("The request", request.content), ("The response", request.answer)):
        if text:
            yield f'<p>{title}:</p><pre tabindex="0">{html(text)}</pre>'
    yield "</details>"


def _known(cell: Cell) -> str:
    return " (in the baseline)" if cell.problems and not cell.fails else ""


def _id(scenario: Scenario, n: int) -> str:
    return f"c{n}-{html(scenario.name)}"
