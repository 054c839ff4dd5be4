"""Text without its content: each character becomes a letter of as many bytes, and equal texts stay equal.

Each letter is drawn by a keyed digest of the text before it, so that two texts agree for as long as the originals do,
while nothing of the originals can be inferred.
"""

import hashlib
import re
import secrets

from responses_tap.privacy.rewriting import Path, TextKind, rewrite_json
from responses_tap.protocol.events import is_json

_ALPHABETS = (
    "xovacemnrsuwzqtybdfghijklp",
    *(tuple(chr(first + n) for n in range(26)) for first in (0x430, 0x3042, 0x1D4D0)),
)
"""The replacements for characters of one, two, three and four UTF-8 bytes."""
_PLAIN = re.compile('[\x00-\x1f"\\\\/]')
"""Characters that stay, because JSON escapes them: quotes and line ends."""
_ESCAPED_BYTE, _BYTES = 0xDC00, range(0x80, 0x100)
"""A lone surrogate this far above 0xDC00 stands for a byte that isn't UTF-8 (PEP 383)."""
_LOST = "\ufffd"
"""This stays as well: the place of a lost character gives nothing away, and is a finding (AG612)."""
_HIGH, _LOW = 0xD800, 0xDC00


class Letters:
    """Replaces texts that must not leave; `count` different letters of each alphabet are used."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._key = secrets.token_bytes(16)

    def of(self, text: str) -> str:
        """The text without its content; each character keeps its number of bytes."""
        digest = hashlib.blake2b(key=self._key, digest_size=2)
        return "".join(self._letter(character, digest) for character in text)

    def digits(self, number: str) -> str:
        """The number with other digits; a zero stays a zero."""
        if not re.search("[1-9]", number):
            return number
        digest = int.from_bytes(hashlib.blake2b(number.encode(), key=self._key, digest_size=8).digest())
        many = min(self._count, 9)
        return re.sub("[0-9]", lambda match: str(1 + (digest >> match.start() % 40) % many), number)

    def filled(self, text: str) -> str:
        """The text without its content; a JSON object or array remains one."""
        return rewrite_json(text, self._inner) if text.lstrip()[:1] in ("{", "[") and is_json(text) else self.of(text)

    def _inner(self, _path: Path, kind: TextKind, text: str) -> str:
        return self.digits(text) if kind is TextKind.WORD else self.of(text)

    def _letter(self, character: str, digest: "hashlib.blake2b") -> str:
        if _PLAIN.match(character) or character == _LOST:
            return character
        if "\ud800" <= character <= "\udfff":
            return _surrogate(ord(character))
        alphabet = _ALPHABETS[len(character.encode()) - 1]
        if self._count == 1:
            return alphabet[0]
        digest.update(character.encode())
        return alphabet[int.from_bytes(digest.digest()) % self._count]


def _surrogate(code: int) -> str:
    byte = code - _ESCAPED_BYTE
    if byte in _BYTES:
        return chr(_ESCAPED_BYTE + _representative(byte))
    return chr(_HIGH if byte < 0 else _LOW)  # half of a pair, written as an escape


def _representative(byte: int) -> int:
    """The first byte of each range that UTF-8 treats alike (Unicode 16.0, table 3-7)."""
    starts = (0x80, 0x90, 0xA0, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xEE, 0xF0, 0xF1, 0xF4, 0xF5)
    return max(start for start in starts if start <= byte)
