"""SARIF 2.1.0, for code scanning services, with the rules' pages as help."""

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from responses_tap.errors import UnusableInput
from responses_tap.escaping import dumps, printable
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules import RULES, Rule
from responses_tap_viewer.checking.paths import Checked

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(results: Sequence[Checked | UnusableInput]) -> str:
    """The findings as one SARIF run; unusable paths are notifications of the invocation."""
    codes = sorted(RULES)
    checked = [result for result in results if isinstance(result, Checked)]
    unusable = [result for result in results if isinstance(result, UnusableInput)]
    driver = {
        "name": "responses-tap",
        "version": version("responses-tap"),
        "rules": [_rule(RULES[code]) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not unusable,
                "toolExecutionNotifications": [_notification(error) for error in unusable],
            }
        ],
        "results": [_result(c, finding, codes.index(finding.code)) for c in checked for finding in c.findings],
    }
    return dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: type[Rule]) -> dict[str, Any]:
    page = rule.page()
    words = [
        page.what,
        f"Affected clients: {page.impact}",
        f"How to fix: {page.fix}",
        f"Source: {page.source}",
    ]
    return {
        "id": rule.code,
        "name": rule.__name__,
        "shortDescription": {"text": page.what},
        "help": {"text": "\n\n".join(words)},
        "defaultConfiguration": {"level": str(rule.severity)},
    }


def _result(checked: Checked, finding: Finding, rule: int) -> dict[str, Any]:
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": str(Severity(finding.severity)),
        "message": _message(finding.message),
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(checked.source)},
                    "region": {"startLine": checked.line(finding)},
                },
                "logicalLocations": [{"fullyQualifiedName": _event(checked, finding)}],
            }
        ],
        "occurrenceCount": finding.count,
        **(
            {"baselineState": "unchanged", "suppressions": [{"kind": "external"}]}
            if finding in checked.tolerated
            else {}
        ),
    }


def _uri(source: str) -> str:
    path = Path(source)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path.as_posix()))


def _message(text: str) -> dict[str, str]:
    """A message, escaped: SARIF (3.11.6) would take `[words](target)` for a link."""
    return {"text": printable(text).replace("](", "] (")}


def _event(checked: Checked, finding: Finding) -> str:
    stream = "" if checked.id is None else f"stream {checked.id}, "
    where = "end" if finding.position is None else f"event {finding.position}"
    return f"{stream}response {checked.index}, {where}"


def _notification(error: UnusableInput) -> dict[str, Any]:
    return {"level": "error", "message": _message(str(error))}
