"""`recheck`: checks a recording by the current rules, and links its turns. What was recorded is never changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from responses_tap.errors import RecordingError, UnusableInput
from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import DEFAULT_PROFILE, PROFILES
from responses_tap.recorder.worker_side.recorded_output import RecordedOutput
from responses_tap.recorder.worker_side.recorded_request import RecordedRequest
from responses_tap.store import Recording
from responses_tap.store.writer import Writer
from responses_tap_viewer.checking.paths import Recorded
from responses_tap_viewer.streams import telling


class Rechecked(NamedTuple):
    """A rechecked stream."""

    id: int
    before: list[Finding]
    after: list[Finding]


def recheck(path: Path, profile: str | None) -> Iterator[Rechecked | UnusableInput | RecordingError]:
    """Recheck every stream and write its findings and links to the file; yields the error for one that cannot be.

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
            _link(row.id, recording, writer)
            writer.commit()
            yield Rechecked(row.id, before, after)
        recording.require_whole()
    finally:
        writer.close()


def _link(stream_id: int, recording: Recording, writer: Writer) -> None:
    """Link a stream to the turn before it, which has been linked already."""
    row = recording.stream(stream_id)
    if row is None:
        return
    request = RecordedRequest.restored(row)
    output = RecordedOutput(writer.masker)
    for event, frame in recording.output_events(stream_id):
        output.take_frame(frame, event.position or 0, event.response)
    if row.response_body is not None:
        output.take_document(row.response_body)
    writer.set_output(stream_id, output, request.clues.history)
    writer.link_turn(stream_id, request.clues)
