"""`import`: adds the streams of files to a recording, with secrets masked, and checks them."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from responses_tap.errors import RecordingError, UnusableInput
from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.recognition import recognise
from responses_tap.privacy.masking import Masker
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.recorder.worker_side.body import EventBody
from responses_tap.recorder.worker_side.recorded_request import RecordedRequest
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.store import ChunkRow
from responses_tap.store.writer import Writer
from responses_tap.stream.judging import checker_for
from responses_tap.stream.model import Chunk, Skipped, Stream
from responses_tap_viewer.file_facts import end_columns, head_columns, socket_columns
from responses_tap_viewer.streams import (
    InternalError,
    PassedOver,
    Remark,
    files_below,
    is_recording,
    is_there,
    left_out_below,
    passed_over,
    readable,
    remark_on,
    telling,
)

_AT_ONCE = 2000
"""Frames written in one transaction, so that a file of any size needs a bounded amount of memory."""


def import_paths(paths: Iterable[str], db: Path) -> Iterator[str | UnusableInput]:
    """Add the streams of these files to the recording; yield a line for each file, and what could not be used.

    RecordingError where the recording cannot be written.
    """
    target = _Target(db)
    try:
        for path in paths:
            try:
                with telling(path):
                    found = files_below(Path(path)) if is_there(Path(path)) and Path(path).is_dir() else None
            except UnusableInput as error:
                yield error
                continue
            for file in [Path(path)] if found is None else found:
                yield from _import_file(file, target, below=found is not None)
            if found is not None:
                yield from left_out_below(Path(path))
    except sqlite3.Error as error:
        raise RecordingError(f"cannot write {db} ({error}); give another file with --db") from error
    finally:
        target.close()


class _Target:
    """The recording, opened or created for the first stream."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: Writer | None = None

    @property
    def writer(self) -> Writer:
        if self._writer is None:
            self._writer = Writer(self.path, masker=Masker(written=True))  # masks in a file are ours, from an export
        return self._writer

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _import_file(path: Path, target: _Target, *, below: bool) -> Iterator[str | UnusableInput]:
    """Import one file, and report its format."""
    ids: list[int] = []
    kind = ""
    try:
        with telling(str(path)):
            readable(path)
            if is_recording(path):
                raise UnusableInput(
                    str(path), f"is a recording already; open one at a time: `responses-tap list {path}`"
                )
            with path.open("rb") as file:
                kind, streams = recognise(file)
                for found in streams:
                    if isinstance(found, Skipped):
                        yield (UnusableInput if found.fault else PassedOver)(str(path), str(found))
                        continue
                    if remark := remark_on(found):
                        yield Remark(str(path), remark)
                    if (error := _import_stream(path, found, target, ids)) is not None:
                        yield error
    except UnusableInput as error:
        yield passed_over(error, path) if below else error
    if ids:
        yield f"{path}: {kind} → {', '.join(f'{target.path}#{id_}' for id_ in ids)}"


def _import_stream(path: Path, found: Stream, target: _Target, ids: list[int]) -> InternalError | None:
    """Write one stream and add its id; return an internal error, so that the others are still imported."""
    try:
        with telling(str(path), f"{found.place} ".lstrip()):
            incoming = _FileRecorder(path, found, target.writer)
            ids.append(incoming.id)
            incoming.write()
    except InternalError as error:
        return error
    return None


class _FileRecorder(StreamRecorder):
    """Writes a stream from a file, which is already split into frames and has the times that the file states."""

    def __init__(self, path: Path, stream: Stream, writer: Writer) -> None:
        columns = head_columns(path, stream, writer.masker)
        self._stream = stream
        self._socket = None if stream.socket is None else writer.add_socket(socket_columns(columns))
        if self._socket is not None:
            columns |= {"socket": self._socket, "socket_ns": 0}
        request = RecordedRequest.of(columns)
        super().__init__(writer.add_stream(columns), request, writer, DEFAULT_PROFILE)
        writer.link_turn(self.id, request.clues)
        self._events = self._response.events = EventBody(self.id, writer, checker_for(stream))

    def write(self) -> None:
        """Write all of it; if the file breaks off or is damaged, write what precedes that, then raise the error."""
        stream, size = self._stream, 0
        reason, cut = stream.ending.reason, stream.is_cut
        try:
            for n, taken in enumerate(stream.frames):
                self._events.take(taken.frame, taken.at_ns or 0, taken.chunk or 0)
                size += len(taken.frame.raw)
                if n % _AT_ONCE == _AT_ONCE - 1:
                    self.writer.commit()
        except (UnrecognizedFormat, OSError) as error:
            reason, cut = f"the imported file {error}", True
            raise
        finally:
            self._finish(size, reason, cut=cut)

    def _finish(self, size: int, reason: str | None, *, cut: bool) -> None:
        """Write the end of the stream as the file states it; `size` is the bytes of its frames."""
        stream, events = self._stream, self._events
        if stream.response.body is not None:
            events.judge(stream.response.body)
        events.finish(0, 0, cut=cut)
        for n, chunk in enumerate(stream.chunks or ([Chunk(0, size, 0, size)] if size else ())):
            self.writer.add_chunk(ChunkRow(self.id, n, *chunk))
        self._is_settled = True
        self.writer.set_output(self.id, events.output, self._request.clues.history)
        self._changed |= self._response.columns | end_columns(stream, events.state, events.terminal_type)
        self._changed["end_reason"] = reason or self._changed["end_reason"]
        if cut and not stream.is_cut:
            self._changed["ended_by"] = "unknown"
        if self._socket is not None:
            self.writer.set_socket(self._socket, {"end_ns": stream.ending.at_ns or 0})
        self.publish()
        self.writer.commit()
