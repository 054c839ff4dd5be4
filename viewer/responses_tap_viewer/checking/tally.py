"""Counts what has been checked, a response at a time: nothing of it is kept."""

from collections import Counter, defaultdict

from responses_tap.protocol.findings import Severity
from responses_tap_viewer.checking.paths import Checked

GROUPS = ("host", "model", "day")
"""By what `check --statistics` counts streams."""


class Tally:
    """What was found, in numbers. Findings in the baseline are `tolerated`, and nothing else counts them."""

    def __init__(self) -> None:
        self.streams = 0
        self.tolerated = 0
        self.severities = Counter[Severity]()
        self.findings = Counter[str]()
        """By code."""
        self.streams_with = Counter[str]()
        """In how many responses a code was found."""
        self.streams_of: dict[str, Counter[str]] = defaultdict(Counter)
        """For each of `GROUPS`: how many responses, by host, model or day."""
        self.broken_of: dict[str, Counter[str]] = defaultdict(Counter)
        """How many of them have errors."""

    def add(self, checked: Checked) -> None:
        """Count a response."""
        counted = checked.counted
        self.streams += 1
        self.tolerated += len(checked.tolerated)
        self.severities.update(finding.severity for finding in counted)
        self.findings.update(finding.code for finding in counted)
        self.streams_with.update({finding.code for finding in counted})
        for group in GROUPS:
            if (value := getattr(checked, group)) is not None:
                self.streams_of[group][value] += 1
                self.broken_of[group][value] += checked.count(Severity.ERROR) > 0
