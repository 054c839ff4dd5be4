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


def advice(code: str, severity: str, finding: Finding | None = None) -> str:
    """How to fix a finding, in a line, and the command that prints its rule; empty for notes and unknown rules.

    In the finding's own words, where it is given.
    """
    rule = RULES.get(code)
    if rule is None or severity == Severity.NOTE:
        return ""
    return f"fix: {rule.page(finding).fix} (responses-tap rules {rule.code})"


def _weight(finding: Finding) -> tuple[bool, bool, int, bool]:
    rule = RULES.get(finding.code)  # a recording may have findings of rules that are unknown here
    is_note = finding.severity is Severity.NOTE
    return is_note, rule is None or not rule.ends, finding.severity.rank, finding.code.startswith("SC")


__all__ = ["DISPATCH", "GROUPS", "RULES", "Loss", "Page", "Rule", "advice", "by_weight"]
