"""Annotations of a GitHub workflow: a finding appears in the pull request, at its line of the file."""

from collections.abc import Iterator

from responses_tap.errors import UnusableInput
from responses_tap.escaping import shorten, workflow_data, workflow_property
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules import advice
from responses_tap_viewer.checking.baselines import StaleEntry
from responses_tap_viewer.checking.paths import Checked

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}

_MOST = 4000
"""Characters of a message; GitHub truncates longer ones."""


def annotations(result: Checked | UnusableInput) -> Iterator[str]:
    """The workflow commands for one response, or for a path that could not be read."""
    if isinstance(result, UnusableInput):
        yield f"::error title=responses-tap::{workflow_data(shorten(str(result), _MOST))}"
        return
    for finding in result.counted:
        place = f"file={workflow_property(result.source)},line={result.line(finding)}"
        title = workflow_property(f"{finding.code} {finding.name}")
        fix = advice(finding.code, finding.severity, finding)
        words = "; ".join(filter(None, (shorten(finding.message, _MOST), fix)))
        yield f"::{_COMMANDS[finding.severity]} {place},title={title}::{workflow_data(words)}"


def stale_annotation(entry: StaleEntry) -> str:
    """The workflow command for an entry of the baseline that no longer occurs, in the baseline's file."""
    place = f"file={workflow_property(str(entry.baseline))},title={workflow_property(f'{entry.known.code} is stale')}"
    return f"::error {place}::{workflow_data(shorten(str(entry), _MOST))}"
