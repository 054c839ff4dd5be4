"""Compares findings with a baseline: which are known, which are new, and which no longer occur."""

from dataclasses import replace
from pathlib import Path

from responses_tap.baseline import Baseline, KnownFinding, read
from responses_tap.protocol.findings import Finding, Severity
from responses_tap_viewer.checking.paths import Checked, Options
from responses_tap_viewer.streams import is_there


class BaselineRun:
    """One run of `check` with or without a baseline; BaselineError where its file isn't one."""

    def __init__(self, path: Path | None, fail_on: Severity | None, *, update: bool = False) -> None:
        self._path = path
        self._fail_on = fail_on
        self._update = update
        self._baseline = read(path) if path and not (update and not path.exists()) else Baseline()
        self._checked: set[str] = set()
        self._found: list[KnownFinding] = []

    def compared(self, checked: Checked) -> Checked:
        """The same response, with known findings marked as tolerated."""
        if self._path is None:
            return checked
        self._checked.add(checked.source)
        serious = [finding for finding in checked.findings if self._counts(finding)]
        self._found += [KnownFinding.of(checked.source, finding) for finding in serious]
        known = tuple(finding for finding in checked.findings if self._baseline.knows(checked.source, finding))
        return replace(checked, tolerated=known if not self._update else tuple(serious))

    def stale(self, options: Options) -> list[KnownFinding]:
        """What the baseline has that was checked but not found, or whose file is gone."""
        stale = [] if self._update else self._baseline.stale(self._settled)
        return [known for known in stale if options.keeps_code(known.code)]

    def write(self) -> None:
        """Write the baseline, if requested; BaselineError where it cannot be written."""
        if self._update and self._path:
            self._baseline.replaced(self._settled, self._found).write(self._path)

    @property
    def _settled(self) -> set[str]:
        """The sources whose findings are completely known: those that were checked, and those that are gone."""
        gone = {source for source in self._baseline.sources() if source != "-" and not is_there(Path(source))}
        return self._checked | gone

    def fails(self, checked: Checked) -> bool:
        """Whether a response fails the run."""
        return any(map(self._counts, checked.counted)) and self._fail_on is not None

    def _counts(self, finding: Finding) -> bool:
        return self._fail_on is None or finding.severity.rank <= self._fail_on.rank
