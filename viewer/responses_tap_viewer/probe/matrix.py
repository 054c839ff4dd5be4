"""The outcomes of all scenarios at all servers, with what the checker found in the streams of each."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from responses_tap.protocol.bodies import is_unreached
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.store import open_recording
from responses_tap_viewer.probe.client import MARKER
from responses_tap_viewer.probe.outcome import BAD, GONE, LIMITED, Outcome, Verdict, needing
from responses_tap_viewer.probe.scenario import Scenario

PLAIN = ("text", "body")
"""The scenarios that ask for nothing special: what they show is in most of a server's streams, and no scenario's."""
_OF_REFUSALS = ("LC", "TR907")
"""Rules that report an error or the lack of a response, which an honest refusal is."""
_OF_SCENARIOS = ("RQ", "TM")
"""Rules that compare a response with its request and look at times, as the expectations of the scenarios do, with more
knowledge: what is resumed may come at once, and `text-long` shows whether a stream is held back."""
_ITEM = re.compile(r"the (\w+) at output\[")
"""How a rule's message names the item that lacks something: a finding keeps its type nowhere else."""

type Cause = tuple[str, str, tuple[str, ...], frozenset[str]]
"""A rule's code, what is missing and of what, the names of the fields, and the kind of scope where there are none: what
makes two findings the same.

Where a field stands is left out: a part is in its event, its item and the response, and a response may be a body.
"""


class UnrecordedRequest(BaseModel):
    """A request of a kind that isn't recorded, such as to delete or cancel a response, with its answer."""

    request: str
    """Method and path."""
    content: str
    """The beginning of its body."""
    status: int
    """0: there was no answer."""
    answer: str
    """The beginning of the answer's body, or why there is none."""


class Result(BaseModel):
    """The outcome of one scenario, without what the checker found: what a recording keeps of it."""

    scenario: str
    outcome: Outcome
    message: str
    runs: int
    marks: list[str]
    """What its requests are marked with."""
    refused: list[str]
    """The marks of those that were refused: the words of a refusal are the server's choice, and aren't judged."""
    sockets: list[str]
    """The marks of WebSockets, which carry several requests: only some of them may have been refused."""
    curl: str
    """The last request over HTTP as a line of curl; empty where there was none."""
    unrecorded: list[UnrecordedRequest] = []
    lacks: str = ""
    """The scenario that came to nothing, where this one builds on it and so was not asked."""


@dataclass(frozen=True)
class ProbedStream:
    """A recorded stream of the probe."""

    place: str
    """`probe.db#3`."""
    findings: Sequence[Finding]


@dataclass
class Cell:
    """The outcome of one scenario at one server."""

    verdict: Verdict
    runs: int
    findings: Sequence[Finding]
    """Errors and warnings, without those of the whole server and of the scenarios that this one builds on."""
    streams: Sequence[str]
    curl: str = ""
    unrecorded: Sequence[UnrecordedRequest] = ()
    lacks: str = ""
    """The scenario that came to nothing, where this one builds on it and so was not asked."""
    known: frozenset[str] = frozenset()
    """The problems that a baseline tolerates."""

    @property
    def is_limited(self) -> bool:
        """Whether the server had no time for it, at least once."""
        outcome, message = self.verdict
        return outcome in (Outcome.SKIPPED, Outcome.FLAKY) and LIMITED in message

    @property
    def further(self) -> Sequence[Finding]:
        """The findings that the message of the verdict doesn't tell: it has the first one where that decided."""
        return self.findings[1:] if self.verdict.outcome is Outcome.VIOLATED else self.findings

    @property
    def problems(self) -> list[str]:
        """What a baseline can tolerate: the codes of the findings, and an outcome that no finding explains."""
        outcome = self.verdict.outcome
        plain = [str(outcome)] if outcome in BAD and outcome is not Outcome.VIOLATED else []
        return sorted({finding.code for finding in self.findings}) + plain

    @property
    def fails(self) -> bool:
        """Whether it makes the exit status 1."""
        return not self.known.issuperset(self.problems)


@dataclass
class Target:
    """One server, and the outcomes of the scenarios there."""

    url: str
    model: str
    server: str = ""
    """What it calls itself, in its `Server` header."""
    findings: list[Finding] = field(default_factory=list)
    """Those that it has in every answer."""
    known: frozenset[str] = frozenset()
    """Their codes that a baseline tolerates."""
    cells: dict[str, Cell] = field(default_factory=dict)
    """By the names of the scenarios."""

    @property
    def limited(self) -> int:
        """How many scenarios the server had no time for, at least once, or for one that they build on."""
        return sum(map(self._is_limited, self.cells))

    def _is_limited(self, name: str) -> bool:
        cell = self.cells.get(name)
        return cell is not None and (cell.is_limited or self._is_limited(cell.lacks))

    @property
    def gone(self) -> list[str]:
        """The messages of the scenarios that were not run because the server had stopped responding."""
        messages = (cell.verdict.message for cell in self.cells.values())
        return [message for message in messages if message.startswith(GONE)]

    @property
    def fails(self) -> bool:
        """Whether it makes the exit status 1."""
        codes = {finding.code for finding in self.findings}
        passed = any(cell.verdict.outcome is Outcome.PASSED for cell in self.cells.values())
        is_unknown = bool(self.gone) or (bool(self.limited) and not passed)
        return is_unknown or not self.known.issuperset(codes) or any(cell.fails for cell in self.cells.values())


@dataclass(frozen=True)
class Matrix:
    """All scenarios at all servers."""

    scenarios: Sequence[Scenario]
    targets: Sequence[Target]
    is_interrupted: bool = False

    @property
    def summary(self) -> dict[str, int]:
        """How many cells there are of each outcome."""
        counts = Counter(cell.verdict.outcome for target in self.targets for cell in target.cells.values())
        return {str(outcome): counts[outcome] for outcome in Outcome}

    @property
    def asked(self) -> list[Scenario]:
        """The scenarios with an outcome at any server."""
        return [scenario for scenario in self.scenarios if any(self.cells(scenario))]

    def cells(self, scenario: Scenario) -> Iterator[tuple[int, Target, Cell]]:
        """The cells of a scenario, with the numbers of their servers; a server that wasn't asked has none."""
        for n, target in enumerate(self.targets):
            if cell := target.cells.get(scenario.name):
                yield n, target, cell


def streams_by_mark(db: Path, after: int = 0) -> dict[str, list[ProbedStream]]:
    """The streams that the probe asked for, by what their requests are marked with; those with an id above `after`."""
    found = defaultdict(list)
    with open_recording(db) as recording:
        for row in recording.streams(after_id=after):
            whole = recording.stream(row.id)
            headers = whole.request_headers if whole is not None else ()
            mark = next((value for name, value in headers if name.lower() == MARKER), "")
            if mark:
                # Of a request that never came to the server, nothing says anything about the server.
                findings = () if is_unreached(row.end_reason) else recording.findings(row.id)
                found[mark].append(ProbedStream(f"{db}#{row.id}", findings))
    return dict(found)


def fill(
    target: Target,
    scenarios: Sequence[Scenario],
    results: Iterable[Result],
    streams: Mapping[str, Sequence[ProbedStream]],
) -> None:
    """Set a server's cells, and what it has in every answer."""
    outcomes = {result.scenario: result for result in results}
    judged = {scenario.name: (*scenario.instead_of, *_OF_SCENARIOS) for scenario in scenarios}
    found = {name: _findings(result, streams, judged[name]) for name, result in outcomes.items()}
    everywhere: dict[Cause, Finding] = {}
    for name in PLAIN:
        everywhere = found.get(name, {}) | everywhere
    target.findings = list(everywhere.values())
    bases = {scenario.name: scenario.after for scenario in scenarios}
    for name, result in outcomes.items():
        inherited = everywhere.keys() | {cause for base in _closure(name, bases) for cause in found.get(base, {})}
        own = [finding for cause, finding in found[name].items() if not _is_known(cause, inherited)]
        places = [stream.place for mark in result.marks for stream in streams.get(mark, ())]
        verdict = _judged(result, own)
        if base := target.cells.get(result.lacks):
            verdict = needing(result.lacks, base.verdict.outcome)  # what the checker found in it counts, too
        target.cells[name] = Cell(verdict, result.runs, own, places, result.curl, result.unrecorded, result.lacks)


def _judged(result: Result, own: Sequence[Finding]) -> Verdict:
    """The outcome, with what the checker found: whatever else is the matter, the protocol is broken then."""
    verdict = Verdict(result.outcome, result.message)
    if not own or result.outcome in (Outcome.FAILED, Outcome.FLAKY):
        return verdict
    told = f"; {result.message}" if result.outcome is Outcome.UNEXPECTED else ""
    return Verdict(Outcome.VIOLATED, f"{own[0].code} {own[0].name}: {own[0].message}{told}")


def _findings(
    result: Result, streams: Mapping[str, Sequence[ProbedStream]], judged: tuple[str, ...]
) -> dict[Cause, Finding]:
    """The errors and warnings in the streams of a scenario, one of each cause, without those of the `judged` rules."""
    found: dict[Cause, Finding] = {}
    for mark in result.marks:
        is_judged = mark not in result.refused or mark in result.sockets
        for stream in streams.get(mark, ()) if is_judged else ():
            for finding in stream.findings:
                excused = judged + (_OF_REFUSALS if mark in result.refused else ())
                if finding.severity is not Severity.NOTE and not finding.code.startswith(excused):
                    found.setdefault(_cause(finding), finding)
    return found


def _closure(name: str, bases: Mapping[str, Sequence[str]]) -> set[str]:
    """The scenarios that one builds on, and those that these build on."""
    found: set[str] = set()
    waiting = list(bases.get(name, ()))
    while waiting:
        base = waiting.pop()
        if base not in found:
            found.add(base)
            waiting += bases.get(base, ())
    return found


def _is_known(cause: Cause, known: Collection[Cause]) -> bool:
    """Whether a cause is known, or each of its fields: which ones are missing depends on what was asked for."""
    fields = cause[-1]
    alike = {field for one in known if one[:-1] == cause[:-1] for field in one[-1]}
    return cause in known or (bool(fields) and fields <= alike)


def _cause(finding: Finding) -> Cause:
    fields = frozenset(field.rpartition(".")[2] for field in finding.fields)
    return finding.code, _missing(finding), () if fields else tuple(finding.scope), fields


def _missing(finding: Finding) -> str:
    """What is missing, and the item that lacks it: every type of item is closed by the same event."""
    if finding.missing is None:
        return ""
    item = _ITEM.match(finding.text)
    return f"{finding.missing} of {item[1]}" if item else finding.missing
