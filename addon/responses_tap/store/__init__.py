"""A recording, one SQLite file: `writer` fills it, `reader` reads it; `recording_schema` checks it."""

from responses_tap.errors import RecordingError
from responses_tap.store.reader import Recording, open_recording
from responses_tap.store.rows import ChunkRow, EventRow, SocketRow

__all__ = ["ChunkRow", "EventRow", "Recording", "RecordingError", "SocketRow", "open_recording"]
