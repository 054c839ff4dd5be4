"""Large request bodies: their base64 is stored in pieces while the stream is open, and joined at its end.

In the meantime the column `request_body` has the rest, with a mark in place of each part, so that it is quick to read
and to rewrite.
"""

import hashlib
import hmac
import re
import sqlite3
from collections.abc import Iterator

_MARK = re.compile("‹part ([0-9]+) [0-9a-f]{16}›")


def mark(key: bytes, stream: int, part: int) -> str:
    """The mark for a part; nobody can forge it in a body without the recording's key."""
    name = f"part {part} of the request of stream {stream}"
    return f"‹part {part} {hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:16]}›"


def join_upload(connection: sqlite3.Connection, key: bytes, stream: int) -> None:
    """Put the parts of a stream's request body back into it, within a transaction. The body becomes a BLOB.

    Neither the body nor any part is ever entirely in memory.
    """
    sizes = dict(
        connection.execute("SELECT part, sum(length(raw)) FROM uploads WHERE stream = ? GROUP BY part", (stream,))
    )
    if not sizes:
        return
    (text,) = connection.execute("SELECT request_body FROM streams WHERE id = ?", (stream,)).fetchone()
    if text is not None:
        pieces = list(_pieces(text, key, stream, sizes))
        size = sum(sizes[piece] if isinstance(piece, int) else len(piece) for piece in pieces)
        connection.execute("UPDATE streams SET request_body = zeroblob(?) WHERE id = ?", (size, stream))
        with connection.blobopen("streams", "request_body", stream) as blob:
            for piece in pieces:
                for data in _part(connection, stream, piece) if isinstance(piece, int) else (piece,):
                    blob.write(data)
    connection.execute("DELETE FROM uploads WHERE stream = ?", (stream,))


def _pieces(text: str, key: bytes, stream: int, parts: dict[int, int]) -> Iterator[bytes | int]:
    """A body with marks, split into its bytes and the numbers of the parts between them."""
    at = 0
    for found in _MARK.finditer(text):
        if (part := int(found[1])) in parts and found[0] == mark(key, stream, part):
            yield text[at : found.start()].encode()
            yield part
            at = found.end()
    yield text[at:].encode()


def _part(connection: sqlite3.Connection, stream: int, part: int) -> Iterator[bytes]:
    for (raw,) in connection.execute(
        "SELECT raw FROM uploads WHERE stream = ? AND part = ? ORDER BY rowid", (stream, part)
    ):
        yield raw
