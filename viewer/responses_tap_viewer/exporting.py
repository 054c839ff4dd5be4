"""Takes streams out of a recording, as a file for somebody else."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from responses_tap_viewer.export_formats import Format
from responses_tap_viewer.streams import Stream, UnusableInput


def export(streams: Sequence[Stream], format_: Format) -> bytes:
    """The streams as the content of a file; UnusableInput where the format cannot hold them."""
    if len(streams) != 1 and not format_.bundles:
        raise UnusableInput(format_.name, f"holds one stream ({format_.about}); export them one by one")
    content = format_.write(streams)
    return content if isinstance(content, bytes) else content.encode()


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
