"""The matrix of a probe as JUnit XML: a suite a group, a test case a scenario."""

from collections.abc import Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from responses_tap.errors import UnusableInput
from responses_tap.escaping import xml
from responses_tap_viewer.probe.matrix import Cell, Matrix, Target
from responses_tap_viewer.probe.outcome import BAD, Outcome
from responses_tap_viewer.probe.scenario import Scenario
from responses_tap_viewer.reports.probe_report import finding_line, unrecorded_line

_SERVER = "server"


def junit(matrix: Matrix, errors: Sequence[UnusableInput]) -> str:
    """The outcomes as JUnit reads them: what a baseline tolerates passes, a server that can't be asked is an error."""
    root = ET.Element("testsuites")
    for target in matrix.targets:
        where = f" at {target.url}" if len(matrix.targets) > 1 else ""
        _server_suite(root, target, where)
        for group, scenarios in groupby(matrix.scenarios, key=lambda scenario: scenario.group):
            name = xml(f"{group}{where}")
            suite = ET.SubElement(root, "testsuite", name=name)
            for scenario in scenarios:
                if cell := target.cells.get(scenario.name):
                    case = ET.SubElement(suite, "testcase", classname=name, name=scenario.name)
                    _say_outcome(case, scenario, cell)
    if errors:
        suite = ET.SubElement(root, "testsuite", name="unusable")
        for error in errors:
            case = ET.SubElement(suite, "testcase", classname="unusable", name=xml(error.source))
            ET.SubElement(case, "error", message=xml(error.message))
    for suite in root:
        suite.set("tests", str(len(suite)))
        for plural, name in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(plural, str(len(suite.findall(f"*/{name}"))))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _server_suite(root: ET.Element, target: Target, where: str) -> None:
    """What the server has in every answer."""
    suite = ET.SubElement(root, "testsuite", name=xml(f"{_SERVER}{where}"))
    case = ET.SubElement(suite, "testcase", classname=_SERVER, name=xml(target.url))
    if new := [finding for finding in target.findings if finding.code not in target.known]:
        failure = ET.SubElement(case, "failure", message=xml(finding_line(new[0])), type=str(Outcome.VIOLATED))
        failure.text = xml("; ".join(map(finding_line, new)))


def _say_outcome(case: ET.Element, scenario: Scenario, cell: Cell) -> None:
    outcome, message = cell.verdict
    words = xml(f"{scenario.title}: {message}")
    if outcome in (Outcome.UNSUPPORTED, Outcome.SKIPPED):
        ET.SubElement(case, "skipped", message=xml(f"{outcome}: {message}"))
    elif cell.fails and outcome in BAD:
        kind = "error" if outcome is Outcome.FAILED else "failure"
        failure = ET.SubElement(case, kind, message=words, type=str(outcome))
        lines = [*map(finding_line, cell.further), *map(unrecorded_line, cell.unrecorded)]
        lines += (f"responses-tap show {place}" for place in cell.streams)
        failure.text = "\n".join(map(xml, [*lines, *filter(None, [cell.curl])]))
    elif message:
        ET.SubElement(case, "system-out").text = words
