"""A large request body that arrives in pieces: its base64 goes into the file at once, the rest is masked as a whole."""

import hashlib
import string

from responses_tap.coding import ContentDecoder
from responses_tap.privacy.body_masking import as_text
from responses_tap.recorder.messages import RequestMessage
from responses_tap.recorder.worker_side.http_columns import model_of
from responses_tap.store.uploads import mark
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import header
from responses_tap.stream.storable import Value

_PIECE = 2**16
_BASE64 = (string.ascii_letters + string.digits + "+/=").encode()
"""Nothing made of these alone is JSON, and no text of this length of them is a secret: images and files are."""


class Upload:
    """The request body of a stream, taken piece by piece."""

    def __init__(self, stream: int, request: RequestMessage, writer: Writer) -> None:
        self._stream = stream
        self._writer = writer
        self._coding = ContentDecoder(header(request.headers, "content-encoding"))
        self._rest = bytearray()
        self._text = bytearray()
        self._parts = 0
        self._is_in_part = False
        self._digest = hashlib.sha256()
        self.size = 0
        """Bytes so far, as they came over the wire."""

    @property
    def digest(self) -> bytes:
        """The SHA-256 of those."""
        return self._digest.digest()

    def take(self, data: bytes) -> None:
        """Take the next bytes, content-encoded as they came."""
        self.size += len(data)
        self._digest.update(data)
        self._rest += self._coding.decode(data)
        cut = len(self._rest) - len(self._rest) % _PIECE
        for at in range(0, cut, _PIECE):
            self._sort(bytes(self._rest[at : at + _PIECE]))
        del self._rest[:cut]

    def columns(self) -> dict[str, Value]:
        """What the stream's row says of the body, which is whole now: secrets masked, marks for its large parts."""
        body = self._writer.masker.body(as_text(bytes(self._text + self._rest)))
        return {"model": model_of(body), "request_body": body}

    def _sort(self, piece: bytes) -> None:
        is_part = not piece.translate(None, _BASE64)
        if is_part:
            if not self._is_in_part:
                self._text += mark(self._writer.upload_key, self._stream, self._parts).encode()
                self._parts += 1
            self._writer.add_upload(self._stream, self._parts - 1, piece)
        else:
            self._text += piece
        self._is_in_part = is_part
