"""JUnit XML: a test case for each response, which fails by its findings, and one for each stale baseline entry."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from responses_tap.errors import UnusableInput
from responses_tap.escaping import xml
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules import by_weight
from responses_tap_viewer.checking.baselines import StaleEntry
from responses_tap_viewer.checking.paths import Checked


def junit(
    results: Sequence[Checked | UnusableInput], fail_on: Severity | None, stale: Sequence[StaleEntry] = ()
) -> str:
    """The verdicts as JUnit XML: findings at or above `fail_on` and `stale` fail, an unusable path is an error."""
    suite = ET.Element("testsuite", name="responses-tap", tests=str(len(results) + len(stale)))
    failures = errors = 0
    for result in results:
        if isinstance(result, UnusableInput):
            errors += 1
            case = ET.SubElement(suite, "testcase", classname="responses-tap", name=xml(result.source))
            ET.SubElement(case, "error", message=xml(result.message))
            continue
        case = ET.SubElement(suite, "testcase", classname=xml(result.source), name=_name(result))
        failures += _failures(case, result, fail_on)
    for entry in stale:
        case = ET.SubElement(suite, "testcase", classname=xml(str(entry.baseline)), name=xml(str(entry.known)))
        ET.SubElement(case, "failure", message=xml(str(entry)), type="stale")
    suite.set("failures", str(failures + len(stale)))
    suite.set("errors", str(errors))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _name(checked: Checked) -> str:
    stream = "" if checked.id is None else f"stream {checked.id} "
    return xml(f"{stream}response {checked.index} {checked.response_id or ''}".strip())


def _failures(case: ET.Element, checked: Checked, fail_on: Severity | None) -> int:
    """Add the findings to a case; return 1 if they make it fail."""
    serious = [f for f in checked.counted if fail_on is not None and f.severity.rank <= fail_on.rank]
    if serious:
        first = by_weight(serious)[0]
        failure = ET.SubElement(case, "failure", message=_line(checked, first), type=str(first.severity))
        failure.text = "\n".join(_line(checked, finding) for finding in serious)
    if lines := [_line(checked, finding) for finding in checked.findings if finding not in serious]:
        ET.SubElement(case, "system-out").text = "\n".join(lines)
    return int(bool(serious))


def _line(checked: Checked, finding: Finding) -> str:
    return xml(f"line {checked.line(finding)}: {finding.code} {finding.name}: {finding.message}")
