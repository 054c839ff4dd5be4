"""`recheck`: renews the findings of a recording by today's rules. Findings are opinions; no fact is touched."""

from collections.abc import Iterator
from pathlib import Path

from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.store.writer import Writer
from responses_tap_viewer.checking.paths import Recorded


def recheck(path: Path, profile: str | None) -> Iterator[tuple[int, list[Finding], list[Finding]]]:
    """Check every stream again: its id, its former findings, its present ones, which are then in the file.

    Without `profile`, each stream keeps the one it was checked with. RecordingError where the file cannot be written,
    or while a recorder writes it.
    """
    writer = Writer(path)
    try:
        recording = writer.recording()
        recorded = Recorded(recording)
        for row in recording.streams():
            used = profile or row.profile or DEFAULT_PROFILE
            checker, _ = recorded.check(row, used)
            before, after = recording.findings(row.id), checker.findings
            if checker.responses:
                writer.set_findings(row.id, after, rules=RULES_VERSION, profile=used)
                writer.commit()
            yield row.id, before, after
    finally:
        writer.close()
