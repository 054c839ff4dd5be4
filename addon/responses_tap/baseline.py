"""Known findings that are tolerated, in a sorted file that reads well in a diff.

`{"version": 1, "findings": [{"source": "…", "code": "MD301", "scope": {…}, "reason": ""}]}`
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from responses_tap.protocol.findings import Finding

VERSION = 1


class BaselineError(Exception):
    """A baseline cannot be read or written; the message is one line: what, where and what to do."""


class KnownFinding(NamedTuple):
    """A finding as a baseline identifies it, regardless of its position."""

    source: str
    """The path that was checked, from the baseline's folder, or the id of the test."""
    code: str
    scope: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, source: str, finding: Finding) -> "KnownFinding":
        """The entry for a finding of a source."""
        return cls(source, finding.code, tuple(sorted(finding.scope.items())))

    def __str__(self) -> str:
        scope = ", ".join(f"{name} {value}" for name, value in self.scope)
        return f"{self.code} in {self.source}" + (f" ({scope})" if scope else "")


class Baseline:
    """The findings of a baseline with the users' reasons, and which ones occurred again."""

    def __init__(self, reasons: dict[KnownFinding, str] | None = None) -> None:
        self._reasons = reasons or {}
        self._seen: set[KnownFinding] = set()

    def knows(self, source: str, finding: Finding) -> bool:
        """Whether a finding is tolerated; it counts as having occurred."""
        return self.has(KnownFinding.of(source, finding))

    def has(self, known: KnownFinding) -> bool:
        """Whether a finding that has occurred is tolerated."""
        self._seen.add(known)
        return known in self._reasons

    def stale(self, sources: Iterable[str]) -> list[KnownFinding]:
        """The findings of these sources that did not occur, in order."""
        checked = set(sources)
        return sorted(known for known in self._reasons.keys() - self._seen if known.source in checked)

    def sources(self) -> set[str]:
        """The sources that it has findings of."""
        return {known.source for known in self._reasons}

    def renamed(self, name: Callable[[str], str]) -> "Baseline":
        """The same baseline with each source under another name."""
        return Baseline({known._replace(source=name(known.source)): why for known, why in self._reasons.items()})

    def replaced(self, sources: Iterable[str], found: Iterable[KnownFinding]) -> "Baseline":
        """The same baseline with these sources' findings replaced by those found; reasons stay."""
        checked = set(sources)
        kept = {known: reason for known, reason in self._reasons.items() if known.source not in checked}
        return Baseline(kept | {known: self._reasons.get(known, "") for known in found})

    def write(self, path: Path) -> None:
        """Write the file; BaselineError where that fails."""
        findings = [
            {"source": known.source, "code": known.code, "scope": dict(known.scope), "reason": reason}
            for known, reason in sorted(self._reasons.items())
        ]
        text = json.dumps({"version": VERSION, "findings": findings}, indent=2, ensure_ascii=False)
        try:
            path.write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise BaselineError(f"{path} cannot be written: {error.strerror}") from error


def read(path: Path, update: str = "--update-baseline") -> Baseline:
    """The baseline in a file; BaselineError where it isn't one, which says that the option `update` writes one."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BaselineError(f"{path} doesn't exist; {update} writes it") from error
    except OSError as error:
        raise BaselineError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path} isn't a baseline: it isn't JSON") from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise BaselineError(f"{path} isn't a baseline of version {VERSION}; {update} writes one")
    entries = document.get("findings")
    if not isinstance(entries, list):
        raise BaselineError(f"{path} isn't a baseline: it has no list of findings")
    return Baseline(dict(_entry(path, number, entry) for number, entry in enumerate(entries)))


def _entry(path: Path, number: int, entry: Any) -> tuple[KnownFinding, str]:  # noqa: ANN401 (JSON)
    fields = entry if isinstance(entry, dict) else {}
    source, code, scope = fields.get("source"), fields.get("code"), fields.get("scope", {})
    is_scope = isinstance(scope, dict) and all(type(value) is int for value in scope.values())
    if not (isinstance(source, str) and isinstance(code, str) and is_scope):
        raise BaselineError(f"{path} isn't a baseline: finding {number} lacks source, code or scope")
    return KnownFinding(source, code, tuple(sorted(scope.items()))), str(fields.get("reason", ""))
