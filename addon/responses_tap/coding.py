"""Undoes a content-encoding piece by piece; where it is damaged or a bomb, what could be decoded is kept."""

import re
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

UNSUSPICIOUS = 8 << 20
"""Bytes that a body may always yield, however small it is."""
MOST_TIMES = 250
"""How many times its size a body may yield beyond that; recorded streams yield 5 to 40 times."""
_PIECE = 16
"""Size of a piece in bytes, whose output may be lost where the encoding is damaged; smaller pieces take longer."""
_MOST_CODINGS = 5
"""Nested encodings, as many as curl accepts: each needs memory, whatever it decodes."""
_MOST_AT_ONCE = 1 << 20
"""Bytes that are decoded before they are counted, if the library can stop there."""
_BROKE = "the content-encoding broke within "
_BROKEN_WITHIN = re.compile(_BROKE + r"(\d+) bytes")


class CodingError(Exception):
    """The encoded bytes are damaged, or yield more than any stream does."""


class _Coding(Protocol):
    def decode(self, data: bytes) -> Iterator[bytes]:
        """What `data` yields, in pieces; CodingError after the last intact one."""


def can_decode(encodings: str | None) -> bool:
    """Whether each of these content-encodings is known."""
    return ContentDecoder(encodings).damage is None


class ContentDecoder:
    """Decodes a body with these content-encodings, in the order of the header field."""

    def __init__(self, encodings: str | None) -> None:
        self._codings: list[_Coding] = []
        self._received = 0
        self._yielded = 0
        self.damage: str | None = None
        """Where and how the encoding broke; nothing after it can be decoded."""
        names = _names(encodings)
        if len(names) > _MOST_CODINGS:
            self.damage = f"there are {len(names)} content-encodings; at most {_MOST_CODINGS} are decoded"
            return
        for name in reversed(names):
            try:
                self._codings.append(_CODINGS[name]())
            except KeyError:
                self.damage = f"content-encoding {name!r} is unknown"
            except ImportError:
                self.damage = f"content-encoding {name!r} is read with responses-tap-core[proxy]"

    @property
    def is_identity(self) -> bool:
        """Whether the body is not encoded at all."""
        return not self._codings and self.damage is None

    def decode(self, data: bytes) -> bytes:
        """The decoded bytes that `data` yields so far; b"" after damage."""
        if self.damage is not None:
            return b""
        if not self._codings:
            return data
        self._received += len(data)
        decoded = bytearray()
        try:
            for piece in _through(self._codings, data):
                decoded += piece
                self._yielded += len(piece)
                if self._yielded > max(UNSUSPICIOUS, MOST_TIMES * self._received):
                    self.damage = f"the content-encoding yields more than {MOST_TIMES} times its size, the limit"
                    break
        except CodingError as error:
            self.damage = f"{_BROKE}{self._received} bytes ({error})"
        except Exception as error:  # noqa: BLE001 (three libraries, given whatever a server sends)
            self.damage = f"{_BROKE}{self._received} bytes ({error!r})"
        return bytes(decoded)


def broken_within(reason: str | None) -> int | None:
    """Within how many bytes an encoding broke, by why a stream ended, where that includes the `damage`."""
    said = _BROKEN_WITHIN.search(reason or "")
    return int(said[1]) if said else None


def _names(encodings: str | None) -> list[str]:
    names = [name.strip().lower() for name in (encodings or "").split(",")]
    return [name for name in names if name not in ("", "identity")]


def _through(codings: Sequence[_Coding], data: bytes) -> Iterator[bytes]:
    for piece in codings[0].decode(data):
        if len(codings) == 1:
            yield piece
        else:
            yield from _through(codings[1:], piece)


class _Inflate:
    """The members of a gzip or zlib body."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._member = zlib.decompressobj(window)

    def decode(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                if data[0] == 0:  # padding after the last member
                    return
                self._member = zlib.decompressobj(self._window)
            before = self._member.copy()
            try:
                piece = self._member.decompress(data, _MOST_AT_ONCE)
            except zlib.error as error:
                yield from _sound_part(before, data)
                raise CodingError(str(error)) from error
            yield piece
            data = self._member.unconsumed_tail or self._member.unused_data


def _sound_part(member: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    # zlib discards the output of a damaged piece, so the piece is fed again byte by byte.
    try:
        for at in range(len(data)):
            yield member.decompress(data[at : at + 1])
    except zlib.error:
        pass


class _Gzip(_Inflate):
    def __init__(self) -> None:
        super().__init__(16 + zlib.MAX_WBITS)


class _Deflate:
    """Deflate as HTTP defines it (with a zlib header) or as some servers send it (without)."""

    def __init__(self) -> None:
        self._inflate: _Inflate | None = None

    def decode(self, data: bytes) -> Iterator[bytes]:
        if self._inflate is None and data:
            has_header = data[0] & 0x0F == zlib.DEFLATED
            self._inflate = _Inflate(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        return self._inflate.decode(data) if self._inflate else iter(())


class _InPieces:
    """A decompressor that discards the output of a damaged piece, and therefore gets small ones."""

    def __init__(self, decompress: Callable[[bytes], bytes], damage: type[Exception]) -> None:
        self._decompress = decompress
        self._damage = damage

    def decode(self, data: bytes) -> Iterator[bytes]:
        try:
            for at in range(0, len(data), _PIECE):
                yield self._decompress(data[at : at + _PIECE])
        except self._damage as error:
            raise CodingError(str(error)) from error


class _Brotli(_InPieces):
    def __init__(self) -> None:
        import brotli  # type: ignore[import-untyped]

        super().__init__(brotli.Decompressor().process, brotli.error)


class _Zstandard(_InPieces):
    def __init__(self) -> None:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
        self._new = zstd.ZstdDecompressor
        self._frame = self._new()
        super().__init__(self._through_frames, zstd.ZstdError)

    def _through_frames(self, data: bytes) -> bytes:
        decoded = bytearray()
        while data:
            if self._frame.eof:
                self._frame = self._new()
            decoded += self._frame.decompress(data)
            data = self._frame.unused_data
        return bytes(decoded)


_CODINGS: dict[str, Callable[[], _Coding]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": _Brotli,
    "zstd": _Zstandard,
}
