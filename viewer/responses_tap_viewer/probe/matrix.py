"""What became of all scenarios at all servers, with what the checker found in the streams of each."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from responses_tap.protocol.findings import Finding, Severity
from responses_tap.store import open_recording
from responses_tap_viewer.probe.client import MARKER
from responses_tap_viewer.probe.outcome import Outcome, Verdict
from responses_tap_viewer.probe.runner import Run
from responses_tap_viewer.probe.scenario import Scenario

_MOSTLY = 0.5
"""In more of a server's streams than this, a finding is the server's, and no scenario's."""

type Cause = tuple[str, tuple[str, ...], tuple[str, ...]]
"""A rule's code, the kind of scope and the fields: what makes two findings the same one."""


@dataclass(frozen=True)
class Checked:
    """A recorded stream of the probe."""

    place: str
    """`probe.db#3`."""
    findings: Sequence[Finding]


@dataclass(frozen=True)
class Cell:
    """What became of one scenario at one server."""

    verdict: Verdict
    runs: int
    findings: Sequence[Finding]
    """Errors and warnings, without those that the server has in most streams."""
    streams: Sequence[str]


@dataclass
class Target:
    """One server, and what became of the scenarios there."""

    url: str
    model: str
    server: str = ""
    """What it calls itself, in its `Server` header."""
    findings: list[Finding] = field(default_factory=list)
    """Those that it has in most of its streams."""
    cells: dict[str, Cell] = field(default_factory=dict)
    """By the names of the scenarios."""


@dataclass(frozen=True)
class Matrix:
    """All scenarios at all servers."""

    scenarios: Sequence[Scenario]
    targets: Sequence[Target]

    @property
    def summary(self) -> dict[str, int]:
        """How many cells there are of each outcome."""
        counts = Counter(cell.verdict.outcome for target in self.targets for cell in target.cells.values())
        return {str(outcome): counts[outcome] for outcome in Outcome}


def streams_by_mark(db: Path, after: int = 0) -> dict[str, Checked]:
    """The streams that the probe asked for, by what their requests are marked with; those with an id above `after`."""
    found = {}
    with open_recording(db) as recording:
        for row in recording.streams():
            if row.id <= after:
                continue
            whole = recording.stream(row.id)
            headers = whole.request_headers if whole is not None else ()
            mark = next((value for name, value in headers if name.lower() == MARKER), None)
            if mark is not None:
                found[mark] = Checked(f"{db}#{row.id}", recording.findings(row.id))
    return found


def fill(target: Target, runs: Iterable[Run], streams: Mapping[str, Checked]) -> None:
    """Set a server's cells, and what it has in most of its streams."""
    everywhere = _everywhere(streams.values())
    target.findings = list(everywhere.values())
    for run in runs:
        mine = [streams[mark] for attempt in run.attempts for mark in attempt.marks if mark in streams]
        own: dict[Cause, Finding] = {}
        for stream in mine:
            for finding in stream.findings:
                if finding.severity is not Severity.NOTE and _cause(finding) not in everywhere:
                    own.setdefault(_cause(finding), finding)
        verdict = run.verdict
        if own and verdict.outcome in (Outcome.PASSED, Outcome.UNEXPECTED):
            first = next(iter(own.values()))
            verdict = Verdict(Outcome.VIOLATED, f"{first.code} {first.name}: {first.message}")
        target.cells[run.scenario.name] = Cell(
            verdict, len(run.attempts), list(own.values()), [stream.place for stream in mine]
        )


def _everywhere(streams: Iterable[Checked]) -> dict[Cause, Finding]:
    """The findings that most streams have, one of each cause."""
    counts: Counter[Cause] = Counter()
    examples: dict[Cause, Finding] = {}
    total = 0
    for stream in streams:
        total += 1
        causes = defaultdict(list)
        for finding in stream.findings:
            causes[_cause(finding)].append(finding)
        counts.update(causes.keys())
        for cause, findings in causes.items():
            examples.setdefault(cause, findings[0])
    return {
        cause: examples[cause]
        for cause, count in counts.most_common()
        if count > _MOSTLY * total and examples[cause].severity is not Severity.NOTE
    }


def _cause(finding: Finding) -> Cause:
    return finding.code, tuple(finding.scope), finding.fields
