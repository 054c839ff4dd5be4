"""Spools as a proxy has filled them, for a worker in the test's own process."""

import os
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from responses_tap.recorder.spool import Spool
from responses_tap.recorder.worker_side.recording_files import RecordingFiles
from responses_tap.recorder.worker_side.replies import ReplyPipe
from responses_tap.recorder.worker_side.selection import Selection
from responses_tap.recorder.worker_side.spool_reader import SpoolReader
from responses_tap.recorder.worker_side.worker import Worker

KEY = bytes(32)


def spooled(messages: Iterable[bytes]) -> Spool:
    """A spool in which these wait."""
    spool = Spool.create(KEY)
    spool.append(b"".join(messages))
    return spool


@contextmanager
def pipe_that_has_ended() -> Any:
    """The bell of a proxy that has gone."""
    source, sink = os.pipe()
    os.close(sink)
    yield source
    os.close(source)


def work(files: RecordingFiles, spool: Spool) -> None:
    """A worker's life after the proxy has gone: it reads what waits, and ends."""
    told = os.open(os.devnull, os.O_WRONLY)
    try:
        with pipe_that_has_ended() as bell:
            Worker(files, SpoolReader(spool), "openai", "s", ReplyPipe(told), Selection("")).work(bell)
    finally:
        os.close(told)


def record(db: Path, messages: Iterable[bytes]) -> None:
    """Have these messages recorded."""
    spool = spooled(messages)
    try:
        work(RecordingFiles(db), spool)
    finally:
        spool.close()
