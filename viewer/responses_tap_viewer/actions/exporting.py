"""Writes streams to a file for others."""

import os
import stat
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from responses_tap.errors import UnusableInput
from responses_tap.privacy.leaks import SecretFound, find_leaks, masked, secrets_in
from responses_tap.privacy.redaction import Redaction, redacted
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.actions.departure import PersonalFound, personal_data, words
from responses_tap_viewer.actions.file_locks import archiving
from responses_tap_viewer.reports.export_formats import Format
from responses_tap_viewer.reports.resend import resend_request
from responses_tap_viewer.reports.text import counted


class Departure(NamedTuple):
    """What leaves."""

    content: bytes
    """The content of a file."""
    words: str
    """A summary of its content, for the user to decide whether to share it."""


def export(
    streams: Sequence[JudgedStream],
    format_: Format,
    redaction: Redaction = Redaction.WHOLE,
    *,
    mask_secrets: bool = False,
    allow_text: bool = False,
) -> bytes:
    """The streams as the content of a file; errors as in `depart`."""
    return depart(streams, format_, redaction, mask_secrets=mask_secrets, allow_text=allow_text).content


def depart(
    streams: Sequence[JudgedStream], format_: Format, redaction: Redaction, *, mask_secrets: bool, allow_text: bool
) -> Departure:
    """The streams as the content of a file, with a summary; UnusableInput where the format cannot represent them.

    Other errors as `prepared` has them.
    """
    if len(streams) != 1 and not format_.bundles:
        raise UnusableInput(format_.name, f"holds one stream ({format_.about}); export them one by one")
    leaving, summary = prepared(streams, redaction, mask_secrets=mask_secrets, allow_text=allow_text)
    if format_.resends:
        _require_requests(streams, redaction)
    written = format_.write(leaving)
    return Departure(written if isinstance(written, bytes) else written.encode(), summary)


def _require_requests(streams: Sequence[JudgedStream], redaction: Redaction) -> None:
    """Raise UnusableInput, under the name that the user knows, for a stream that has no request to send again."""
    for stream in streams:
        resend_request(stream)
        if redaction is Redaction.STRUCTURE:
            raise UnusableInput(stream.name, "cannot be sent again: --structure-only removes the request")


def archive(
    streams: Sequence[JudgedStream],
    url: str,
    redaction: Redaction,
    *,
    mask_secrets: bool,
    allow_text: bool,
    with_events: bool,
) -> tuple[str, str]:
    """Add the streams to a Parquet dataset; what was done, and what leaves, in words. Errors as `prepared` has them.

    UnusableInput also where the extra `archive` isn't installed, nothing can be written there, or another process
    archives the same recording for too long.
    """
    try:
        from responses_tap_viewer.archive.dataset import Dataset
        from responses_tap_viewer.archive.tables import bare
    except ModuleNotFoundError as error:
        raise UnusableInput("--format parquet", f"needs {error.name}: pip install 'responses-tap[archive]'") from error
    keep = None if with_events else bare
    leaving, summary = prepared(streams, redaction, mask_secrets=mask_secrets, allow_text=allow_text, keep=keep)
    keys = [stream.fingerprint for stream in streams]
    dataset = Dataset(url, with_events=with_events)
    with archiving(Path(stream.source) for stream in streams if stream.id is not None):
        added, known = dataset.add(zip(keys, leaving, strict=True))
    were = f"; {counted(known, 'stream')} already there" if known else ""
    return f"Added {counted(added, 'stream')} to {url}{were}", summary


def prepared(
    streams: Sequence[JudgedStream],
    redaction: Redaction,
    *,
    mask_secrets: bool,
    allow_text: bool,
    keep: Callable[[JudgedStream], JudgedStream] | None = None,
) -> tuple[list[JudgedStream], str]:
    """The streams as they may leave, redacted and masked, and what they take with them in words.

    `keep` takes out of a redacted stream what a format doesn't hold.

    SecretFound where something in them looks like a secret, unless that is to be masked; PersonalFound where something
    looks like personal data, unless text is to leave as it is.
    """
    leaving = [redacted(stream, redaction) for stream in streams]
    leaving = [keep(stream) for stream in leaving] if keep else leaving
    starred = 0
    if mask_secrets:
        starred = len({secret for stream in leaving for secret in secrets_in(stream)})
        leaving = [masked(stream) for stream in leaving]
    for stream in leaving:
        if leaks := list(find_leaks(stream)):
            raise SecretFound(stream, leaks)
    data = [personal_data(stream) for stream in leaving]
    summary = words(leaving, redaction, chain.from_iterable(data), starred)
    for stream, found in zip(leaving, data, strict=True):
        if found and not allow_text:
            raise PersonalFound(stream, found, summary)
    # The path of a local file must not leave.
    return [replace(stream, source=Path(stream.source).name) for stream in leaving], summary


def unattended(stream: JudgedStream, keep: Callable[[JudgedStream], JudgedStream] | None = None) -> JudgedStream:
    """The stream as it may leave where there is nobody to ask: secrets masked, redacted as far as it has to be.

    `keep` is that of `prepared`. UnusableInput where even its structure can't leave.
    """
    for redaction in Redaction:
        try:
            (leaving,), _ = prepared([stream], redaction, mask_secrets=True, allow_text=False, keep=keep)
        except UnusableInput as error:
            refusal = error
        else:
            return leaving
    raise refusal


def write_whole(path: Path, content: bytes, *, over: bool = False) -> None:
    """Write a file atomically: all of it or nothing. UnusableInput where it cannot be written.

    An existing file is an error, unless it is to be written `over`. A pipe or terminal is written to, not replaced; a
    block device is never written to.
    """
    try:
        found = path.stat() if path.exists() else None
        if found is not None and os.path.samestat(found, os.fstat(1)):  # /dev/stdout, wherever that leads
            _pour(1, content)
        elif found is None or stat.S_ISREG(found.st_mode):
            if found is not None and not over:
                raise UnusableInput(str(path), "already exists; use --force to overwrite")
            _put(path.resolve(), content)
        elif stat.S_ISFIFO(found.st_mode) or stat.S_ISCHR(found.st_mode):
            _pour(os.open(path, os.O_WRONLY | os.O_NOCTTY), content)
        else:
            raise UnusableInput(str(path), "is not a writable file; name another with -o")
    except OSError as error:
        raise UnusableInput(str(path), f"cannot be written ({error.strerror})") from error


def _pour(descriptor: int, content: bytes) -> None:
    with os.fdopen(descriptor, "wb", closefd=descriptor != 1) as file:
        file.write(content)


def _put(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
