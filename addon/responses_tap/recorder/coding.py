"""Undoes a content-encoding piece by piece, and keeps what could be decoded when the encoding is damaged."""

import sys
import zlib
from collections.abc import Callable
from typing import Protocol

import brotli  # type: ignore[import-untyped]

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_PIECE = 16
"""Bytes whose yield may be lost where the encoding is damaged; smaller ones take longer."""


class CodingError(Exception):
    """The encoded bytes are damaged. `decoded` is what came before the damage."""

    def __init__(self, message: str, decoded: bytes = b"") -> None:
        super().__init__(message)
        self.decoded = decoded


class _Coding(Protocol):
    def decode(self, data: bytes) -> bytes: ...


def can_decode(encodings: str | None) -> bool:
    """Whether each of these content-encodings is known."""
    return all(name in _CODINGS for name in _names(encodings))


class ContentDecoder:
    """Decodes a body that carries these content-encodings, in the order of the header field."""

    def __init__(self, encodings: str | None) -> None:
        self._codings: list[_Coding] = []
        self._received = 0
        self.damage: str | None = None
        """Where and how the encoding broke; nothing after it can be decoded."""
        for name in reversed(_names(encodings)):
            if (coding := _CODINGS.get(name)) is None:
                self.damage = f"content-encoding {name!r} is unknown"
            else:
                self._codings.append(coding())

    @property
    def is_identity(self) -> bool:
        """Whether the body is not encoded at all."""
        return not self._codings and self.damage is None

    def decode(self, data: bytes) -> bytes:
        """The decoded bytes that `data` yields at once; b"" after damage."""
        if self.damage is not None:
            return b""
        self._received += len(data)
        for coding in self._codings:
            try:
                data = coding.decode(data)
            except CodingError as error:
                data = error.decoded
                self.damage = f"the content-encoding broke within {self._received} bytes ({error})"
            except Exception as error:  # noqa: BLE001 (three libraries, fed with whatever a server sends)
                data = b""
                self.damage = f"the content-encoding broke within {self._received} bytes ({error!r})"
        return data


def _names(encodings: str | None) -> list[str]:
    names = [name.strip().lower() for name in (encodings or "").split(",")]
    return [name for name in names if name not in ("", "identity")]


class _Inflate:
    """The members of a gzip or zlib body."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._member = zlib.decompressobj(window)

    def decode(self, data: bytes) -> bytes:
        decoded = bytearray()
        while data:
            if self._member.eof:
                if data[0] == 0:  # padding after the last member
                    break
                self._member = zlib.decompressobj(self._window)
            before = self._member.copy()
            try:
                decoded += self._member.decompress(data)
            except zlib.error as error:
                raise CodingError(str(error), bytes(decoded) + _sound_part(before, data)) from error
            data = self._member.unused_data
        return bytes(decoded)


def _sound_part(member: "zlib._Decompress", data: bytes) -> bytes:
    # zlib throws the output of a damaged piece away, so the piece is fed again byte by byte.
    decoded = bytearray()
    try:
        for at in range(len(data)):
            decoded += member.decompress(data[at : at + 1])
    except zlib.error:
        pass
    return bytes(decoded)


class _Gzip(_Inflate):
    def __init__(self) -> None:
        super().__init__(16 + zlib.MAX_WBITS)


class _Deflate:
    """Deflate as HTTP means it (with a zlib header) or as some servers send it (without)."""

    def __init__(self) -> None:
        self._inflate: _Inflate | None = None

    def decode(self, data: bytes) -> bytes:
        if self._inflate is None and data:
            has_header = data[0] & 0x0F == zlib.DEFLATED
            self._inflate = _Inflate(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        return self._inflate.decode(data) if self._inflate else b""


class _InPieces:
    """A decompressor that throws away what a damaged piece has yielded, and so gets small ones."""

    def __init__(self, decompress: Callable[[bytes], bytes], damage: type[Exception]) -> None:
        self._decompress = decompress
        self._damage = damage

    def decode(self, data: bytes) -> bytes:
        decoded = bytearray()
        try:
            for at in range(0, len(data), _PIECE):
                decoded += self._decompress(data[at : at + _PIECE])
        except self._damage as error:
            raise CodingError(str(error), bytes(decoded)) from error
        return bytes(decoded)


class _Brotli(_InPieces):
    def __init__(self) -> None:
        super().__init__(brotli.Decompressor().process, brotli.error)


class _Zstandard(_InPieces):
    def __init__(self) -> None:
        super().__init__(self._through_frames, zstd.ZstdError)
        self._frame = zstd.ZstdDecompressor()

    def _through_frames(self, data: bytes) -> bytes:
        decoded = bytearray()
        while data:
            if self._frame.eof:
                self._frame = zstd.ZstdDecompressor()
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
