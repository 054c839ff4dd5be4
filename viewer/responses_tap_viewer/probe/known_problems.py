"""The problems of a server that are known and tolerated, in the same file as `check` has."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from responses_tap.baseline import Baseline, BaselineError, KnownFinding, read
from responses_tap_viewer.checking.baselines import StaleEntry
from responses_tap_viewer.probe.matrix import PLAIN, Matrix, Target
from responses_tap_viewer.probe.outcome import Outcome
from responses_tap_viewer.probe.scenario import load

SERVER = "server"
"""The source of what the server has in every answer; of all else it is the name of the scenario."""
_NAME = re.compile(r"[a-z][a-z0-9-]*")
"""How the scenarios of any version are called; in a baseline of `check`, the sources are paths."""


class KnownProblems:
    """One run of `probe` against a baseline; BaselineError where its file isn't one."""

    def __init__(self, path: Path, *, update: bool) -> None:
        self._path = path
        self._update = update
        self._baseline = Baseline() if update and not path.exists() else _read(path)

    def compare(self, matrix: Matrix) -> None:
        """Mark what is tolerated: with `update`, everything."""
        for target in matrix.targets:
            target.known = self._tolerated(SERVER, (finding.code for finding in target.findings))
            for name, cell in target.cells.items():
                cell.known = self._tolerated(name, cell.problems)

    def stale(self, matrix: Matrix) -> list[StaleEntry]:
        """What the baseline has and didn't occur, though it was looked for."""
        stale = [] if self._update else self._baseline.stale(self._settled(matrix))
        return [StaleEntry(known, self._path) for known in stale]

    def write(self, matrix: Matrix) -> None:
        """Write the baseline, where that is asked for; BaselineError where it cannot be written."""
        if self._update:
            found = [_known(source, code) for target in matrix.targets for source, code in _problems(target)]
            self._baseline.replaced(self._settled(matrix), found).write(self._path)

    def _tolerated(self, source: str, codes: Iterable[str]) -> frozenset[str]:
        return frozenset(code for code in codes if self._baseline.has(_known(source, code)) or self._update)

    def _settled(self, matrix: Matrix) -> set[str]:
        """The sources of which all is known: the scenarios that were run to an outcome, and those that are gone."""
        run = {
            name
            for target in matrix.targets
            for name, cell in target.cells.items()
            if cell.verdict.outcome is not Outcome.SKIPPED
        }
        gone = self._baseline.sources() - {scenario.name for scenario in load()} - {SERVER}
        return run | gone | ({SERVER} if run.issuperset(PLAIN) else set())


def _read(path: Path) -> Baseline:
    baseline = read(path)
    if foreign := sorted(source for source in baseline.sources() if not _NAME.fullmatch(source)):
        raise BaselineError(f"{path} is a baseline of `check` ({foreign[0]}), not of `probe`; name another file")
    return baseline


def _problems(target: Target) -> Iterator[tuple[str, str]]:
    yield from ((SERVER, finding.code) for finding in target.findings)
    yield from ((name, problem) for name, cell in target.cells.items() for problem in cell.problems)


def _known(source: str, code: str) -> KnownFinding:
    # Which item or part it is about depends on what the model says.
    return KnownFinding(source, code, ())
