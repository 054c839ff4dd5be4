"""Takes streams out of a recording, as a file for somebody else."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from responses_tap_viewer.exporting.formats import Format
from responses_tap_viewer.exporting.leaks import SecretFound, find_leaks, masked
from responses_tap_viewer.exporting.redaction import Content, redacted
from responses_tap_viewer.streams import Stream, UnusableInput


def export(
    streams: Sequence[Stream], format_: Format, content: Content = Content.WHOLE, *, mask_secrets: bool = False
) -> bytes:
    """The streams as the content of a file; UnusableInput where the format cannot hold them.

    SecretFound where something in them looks like a secret, unless that is to be masked.
    """
    if len(streams) != 1 and not format_.bundles:
        raise UnusableInput(format_.name, f"holds one stream ({format_.about}); export them one by one")
    leaving = [redacted(stream, content) for stream in streams]
    if mask_secrets:
        leaving = [masked(stream) for stream in leaving]
    for stream in leaving:
        if leaks := list(find_leaks(stream)):
            raise SecretFound(stream, leaks)
    # Where a file lies on this machine is nobody's business.
    written = format_.write([replace(stream, source=Path(stream.source).name) for stream in leaving])
    return written if isinstance(written, bytes) else written.encode()


def write_whole(path: Path, content: bytes, *, over: bool = False) -> None:
    """Write a file at once: it is there whole, or not at all. UnusableInput where it cannot be written.

    A file that is there already stays, and UnusableInput says so, unless this is to be written `over` it.
    """
    if path.is_file() and not over:
        raise UnusableInput(str(path), "is there already; --force writes over it")
    try:
        if path.exists() and not path.is_file():  # a device or a pipe: nothing that could be put in its place
            with path.open("wb") as file:
                file.write(content)
        else:
            _put(path.resolve(), content)
    except OSError as error:
        raise UnusableInput(str(path), f"cannot be written ({error.strerror})") from error


def _put(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
