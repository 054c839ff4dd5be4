"""The matrix of a probe: as a tree by group for a terminal, and as a JSON document."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from responses_tap.escaping import dumps, printable
from responses_tap.formats.trace import finding_object
from responses_tap.protocol.findings import Finding
from responses_tap_viewer.probe.matrix import Cell, Matrix, Target
from responses_tap_viewer.probe.outcome import Outcome
from responses_tap_viewer.probe.scenario import Scenario

GLYPHS = {
    Outcome.PASSED: "●",
    Outcome.VIOLATED: "✖",
    Outcome.UNEXPECTED: "▲",
    Outcome.UNSUPPORTED: "○",
    Outcome.FAILED: "✖",
    Outcome.FLAKY: "▲",
    Outcome.SKIPPED: "·",
}


def matrix_lines(matrix: Matrix) -> Iterator[str]:
    """The scenarios by group, each with what became of it at each server."""
    for target in matrix.targets:
        yield f"{printable(target.url)} · {printable(target.model)}"
        for finding in target.findings:
            yield f"  in most streams: {_line(finding)}"
    for group, scenarios in groupby(matrix.scenarios, key=lambda scenario: scenario.group):
        yield ""
        yield group
        for scenario in scenarios:
            for target in matrix.targets:
                where = f"  [{printable(target.url)}]" if len(matrix.targets) > 1 else ""
                yield from _cell_lines(scenario, target.cells[scenario.name], where)
    yield ""
    yield ", ".join(f"{count} {outcome}" for outcome, count in matrix.summary.items() if count)


def _cell_lines(scenario: Scenario, cell: Cell, where: str) -> Iterator[str]:
    outcome, message = cell.verdict
    yield f"  {GLYPHS[outcome]} {scenario.name}{where}: {outcome}"
    if outcome is not Outcome.PASSED:
        yield f"      {scenario.title}: {printable(message)}"
        for stream in cell.streams[:1]:
            yield f"      responses-tap show {printable(stream)}"


def scenario_lines(scenarios: Iterable[Scenario]) -> Iterator[str]:
    """The scenarios by group, each with its title and where it is written."""
    for group, members in groupby(scenarios, key=lambda scenario: scenario.group):
        yield group
        for scenario in members:
            yield f"  {scenario.name}: {scenario.title}"
            yield f"      {scenario.source}"


def _line(finding: Finding) -> str:
    return f"{finding.code} {finding.name}: {printable(finding.message)}"


def matrix_json(matrix: Matrix) -> str:
    """The matrix as a document."""
    return dumps(
        {
            "version": 1,
            "targets": [
                {
                    "url": t.url,
                    "model": t.model,
                    "server": t.server,
                    "findings": [finding_object(f) for f in t.findings],
                }
                for t in matrix.targets
            ],
            "scenarios": [_scenario(scenario, matrix) for scenario in matrix.scenarios],
            "summary": matrix.summary,
        }
    )


def _target(target: Target) -> dict[str, Any]:
    findings = [finding_object(finding) for finding in target.findings]
    return {"url": target.url, "model": target.model, "server": target.server, "findings": findings}


def _scenario(scenario: Scenario, matrix: Matrix) -> dict[str, Any]:
    results = []
    for n, target in enumerate(matrix.targets):
        cell = target.cells[scenario.name]
        results.append(
            {
                "target": n,
                "outcome": str(cell.verdict.outcome),
                "message": cell.verdict.message,
                "runs": cell.runs,
                "findings": [finding_object(finding) for finding in cell.findings],
                "streams": list(cell.streams),
            }
        )
    return {
        "name": scenario.name,
        "group": scenario.group,
        "title": scenario.title,
        "source": scenario.source,
        "results": results,
    }
