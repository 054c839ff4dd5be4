"""The rules, one file a group. Importing this package registers them all."""

from collections.abc import Iterable

from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules import (
    agreement,
    identity,
    lifecycle,
    missing,
    nesting,
    order,
    request,
    schema,
    status,
    timing,
    transport,
    websocket,
)
from responses_tap.protocol.rules.rule import DISPATCH, RULES, Loss, Page, Rule

GROUPS = (
    lifecycle,
    nesting,
    missing,
    order,
    identity,
    agreement,
    status,
    schema,
    transport,
    websocket,
    timing,
    request,
)
"""The groups in the order of their numbers: LC1xx, NS2xx, MD3xx, …."""


def by_weight(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the one first that stands for the stream: what ended it, then structure, then single fields.

    Errors come before warnings, but for what ended the stream; notes come last, and within a group the earlier first.
    """
    return sorted(findings, key=_weight)


def fix(code: str, severity: str, finding: Finding | None = None) -> str:
    """How to fix a finding, in its own words where it is given; empty for notes and unknown rules."""
    rule = RULES.get(code)
    return "" if rule is None or severity == Severity.NOTE else rule.page(finding).fix


def advice(code: str, severity: str, finding: Finding | None = None) -> str:
    """The fix in a line, with the command that prints the rule; empty as `fix`."""
    text = fix(code, severity, finding)
    return f"fix: {text} (responses-tap rules {code})" if text else ""


def _weight(finding: Finding) -> tuple[bool, bool, int, bool]:
    rule = RULES.get(finding.code)  # a recording may have findings of rules that are unknown here
    is_note = finding.severity is Severity.NOTE
    return is_note, rule is None or not rule.ends, finding.severity.rank, finding.code.startswith("SC")


__all__ = ["DISPATCH", "GROUPS", "RULES", "Loss", "Page", "Rule", "advice", "by_weight", "fix"]
