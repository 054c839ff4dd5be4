"""Records an event stream from a pipe (`curl -sN … |`) while it arrives."""

import os
import threading
import time
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.protocol.sse import looks_like_events
from responses_tap.recorder.messages import EndingMessage, RequestMessage, ResponseMessage
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.store.writer import Writer
from responses_tap.stream.file_values import timestamp

NAME = "standard input"
_PIECE = 1 << 16
_SHORTEST = len(b"\xef\xbb\xbf:")
"""Bytes needed to recognise an event stream."""


def read_start(pipe: int) -> tuple[bytes, bool]:
    """What has arrived through a pipe so far, or nothing, and whether it is the body of an event stream."""
    start = b""
    while len(start.strip()) < _SHORTEST:
        piece = os.read(pipe, _PIECE)
        if not piece:
            break
        start += piece
    return start, looks_like_events(start)


def record_pipe(pipe: int, start: bytes, db: Path) -> None:
    """Record the stream that began with `start` into a new file, on a thread that ends with the pipe.

    Returns once the beginning is in the file.
    """
    ready = threading.Event()
    threading.Thread(target=_record, args=(pipe, start, db, ready), name="pipe", daemon=True).start()
    ready.wait()


def _record(pipe: int, start: bytes, db: Path, ready: threading.Event) -> None:
    writer = Writer(db)
    began = time.monotonic_ns()
    now = timestamp(datetime.now(UTC))
    live = StreamRecorder.begin(
        0, RequestMessage("", NAME, "", "", [], now, expected=True, body=b""), writer, DEFAULT_PROFILE
    )
    # The checker needs a response, although its status and headers are unknown.
    live.response(ResponseMessage(HTTPStatus.OK, [("Content-Type", "text/event-stream")]))
    live.publish()
    writer.set_stream(live.id, {"status": None, "response_headers": "[]", "source": NAME})
    piece = start
    while piece:
        live.chunk(piece, time.monotonic_ns() - began)
        live.publish()
        writer.commit()
        ready.set()
        piece = os.read(pipe, _PIECE)
    live.end(EndingMessage("server", "the pipe was closed", complete=True), time.monotonic_ns() - began)
    live.publish()
    writer.commit()
    writer.close()
