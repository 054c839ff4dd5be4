"""`recheck`: checks a recording by the current rules. Only findings are written; facts are never changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from responses_tap.errors import RecordingError, UnusableInput
from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import DEFAULT_PROFILE, PROFILES
from responses_tap.store.writer import Writer
from responses_tap_viewer.checking.paths import Recorded
from responses_tap_viewer.streams import telling


class Rechecked(NamedTuple):
    """A rechecked stream."""

    id: int
    before: list[Finding]
    after: list[Finding]


def recheck(path: Path, profile: str | None) -> Iterator[Rechecked | UnusableInput | RecordingError]:
    """Recheck every stream and write its findings to the file; yields the error for one that cannot be checked.

    Without `profile`, each stream keeps the one it was checked with. RecordingError where the file cannot be written or
    a recorder is writing it.
    """
    writer = Writer(path)
    try:
        recording = writer.recording()
        recorded = Recorded(recording)
        for row in recording.streams():
            try:
                with telling(f"{path}#{row.id}"):
                    used = profile or (row.profile if row.profile in PROFILES else DEFAULT_PROFILE)
                    checker, _ = recorded.check(row, used)
                    before, after = recording.findings(row.id), checker.findings
            except (UnusableInput, RecordingError) as error:
                yield error
                continue
            writer.set_findings(row.id, after, rules=RULES_VERSION, profile=used)
            writer.commit()
            yield Rechecked(row.id, before, after)
        recording.require_whole()
    finally:
        writer.close()
