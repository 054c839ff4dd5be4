"""Takes streams out of a recording, as a file for somebody else."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from responses_tap_viewer.streams import Stream, UnusableInput

FORMATS = {"md": "a bug report", "json": "the whole trace", "sse": "the body alone"}


def export(streams: Sequence[Stream], format_: str) -> bytes:
    """The streams in one of FORMATS; UnusableInput where the format cannot hold them."""
    if format_ == "md":
        from responses_tap_viewer.reports.markdown import bug_report

        return "\n---\n\n".join(bug_report(stream) for stream in streams).encode()
    if format_ == "json":
        from responses_tap_viewer.reports.trace import trace

        return trace(streams).encode()
    if len(streams) != 1:
        raise UnusableInput("sse", "holds one stream's body; export them one by one")
    if not streams[0].entries:
        raise UnusableInput(streams[0].name, "has no event stream; --format md and json show its answer")
    return streams[0].body


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once: it is there whole, or the old one is. UnusableInput where it cannot be written."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UnusableInput(str(path), f"cannot be written ({error.strerror})") from error
