"""Writes what a user says about a recorded stream: a mark, a note."""

from pathlib import Path

from responses_tap.store.writer import Writer


def annotate(path: Path, stream_id: int, **columns: str | None) -> None:
    """Set `mark` or `note` of a stream, None for none; RecordingError where the file cannot be written."""
    writer = Writer(path)
    try:
        writer.set_stream(stream_id, dict(columns))
        writer.commit()
    finally:
        writer.close()


def require_writable(path: Path) -> None:
    """RecordingError where the recording cannot be written: another process writes it, or it is read-only."""
    Writer(path).close()
