"""Compares findings with a baseline: which are known, which are new, and which no longer occur."""

import os
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from responses_tap.baseline import Baseline, KnownFinding, read
from responses_tap.protocol.findings import Finding, Severity
from responses_tap_viewer.checking.paths import Checked, Options
from responses_tap_viewer.streams import STDIN, is_there


class StaleEntry(NamedTuple):
    """An entry of a baseline that was checked but not found, or whose file is gone."""

    known: KnownFinding
    baseline: Path

    def __str__(self) -> str:
        return f"{self.known} is in the baseline and no longer occurs; take it out of {self.baseline}"


class BaselineRun:
    """One run of `check` with or without a baseline; BaselineError where its file isn't one."""

    def __init__(self, path: Path | None, fail_on: Severity | None, *, update: bool = False) -> None:
        self._path = path
        self._fail_on = fail_on
        self._update = update
        self._sources = _Sources(path.parent if path else Path())
        known = read(path) if path and (path.exists() or not update) else Baseline()
        self._baseline = known.renamed(self._sources.of_entry)
        self._checked: set[str] = set()
        self._found: list[KnownFinding] = []

    def compared(self, checked: Checked) -> Checked:
        """The same response, with known findings marked as tolerated."""
        if self._path is None:
            return checked
        source = self._sources.of_path(checked.source)
        self._checked.add(source)
        serious = [finding for finding in checked.findings if self._counts(finding)]
        self._found += [KnownFinding.of(source, finding) for finding in serious]
        known = tuple(finding for finding in checked.findings if self._baseline.knows(source, finding))
        return replace(checked, tolerated=known if not self._update else tuple(serious))

    def stale(self, options: Options) -> list[StaleEntry]:
        """What no longer occurs; without a baseline, or where it is written, nothing."""
        if self._path is None or self._update:
            return []
        stale = self._baseline.stale(self._settled)
        return [StaleEntry(known, self._path) for known in stale if options.keeps_code(known.code)]

    def write(self) -> None:
        """Write the baseline, if requested; BaselineError where it cannot be written."""
        if self._update and self._path:
            self._baseline.replaced(self._settled, self._found).write(self._path)

    @property
    def _settled(self) -> set[str]:
        """The sources whose findings are completely known: those that were checked, and those that are gone."""
        return self._checked | set(filter(self._sources.is_gone, self._baseline.sources()))

    def fails(self, checked: Checked) -> bool:
        """Whether a response fails the run."""
        return any(map(self._counts, checked.counted)) and self._fail_on is not None

    def _counts(self, finding: Finding) -> bool:
        return self._fail_on is None or finding.severity.rank <= self._fail_on.rank


class _Sources:
    """The names of what is checked, relative to the baseline's folder: they hold wherever `check` is run."""

    def __init__(self, folder: Path) -> None:
        self._folder = Path(os.path.realpath(folder))
        self._names: dict[str, str] = {}
        """By real path: of a file that has several names, the one in the baseline."""

    def of_path(self, path: str) -> str:
        """The name of a path as given in the current folder; a URL and - stay as they are."""
        if not _is_path(path):
            return path
        real = os.path.realpath(path)
        if real not in self._names:
            self._names[real] = self._relative(path)
        return self._names[real]

    def of_entry(self, source: str) -> str:
        """The name of what an entry means; earlier versions wrote it relative to the folder that one was in."""
        path = source if Path(source).is_absolute() else os.path.relpath(self._folder / source)
        found = next((candidate for candidate in (path, source) if is_there(Path(candidate))), None)
        return self.of_path(found) if found and _is_path(source) else source

    def is_gone(self, source: str) -> bool:
        """Whether a named file is no longer there."""
        return _is_path(source) and not is_there(self._folder / source)

    def _relative(self, path: str) -> str:
        names = [os.path.relpath(spelled, self._folder) for spelled in (path, os.path.realpath(path))]
        inside = (name for name in names if Path(name).parts[:1] != ("..",))
        return next(inside, path if Path(path).is_absolute() else names[0])


def _is_path(source: str) -> bool:
    return source != STDIN and "://" not in source
