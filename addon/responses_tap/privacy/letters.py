"""Texts without their content: each character becomes a letter of as many bytes, equal texts stay equal.

Letters are drawn by a keyed digest of the text up to them, so that two texts look alike as far as they are alike, and
nothing of either can be worked out from them.
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
"""What characters of one, two, three and four UTF-8 bytes become."""
_PLAIN = re.compile('[\x00-\x1f"\\\\/]')
"""What stays: quotes and line ends, which JSON writes longer than others."""
_ESCAPED_BYTE, _BYTES = 0xDC00, range(0x80, 0x100)
"""A lone surrogate behind 0xDC00 by so much stands for a byte that is no UTF-8 (PEP 383)."""
_LOST = "\ufffd"
"""Stays, too: where a character was lost says nothing of it, and is a finding (AG612)."""
_HIGH, _LOW = 0xD800, 0xDC00


class Letters:
    """What texts become that do not leave; `count` different letters of each alphabet are used."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._key = secrets.token_bytes(16)

    def of(self, text: str) -> str:
        """The text without its content, character by character of the same number of bytes."""
        digest = hashlib.blake2b(key=self._key, digest_size=2)
        return "".join(self._letter(character, digest) for character in text)

    def digits(self, number: str) -> str:
        """The number with other digits; a zero stays one."""
        if not re.search("[1-9]", number):
            return number
        digest = int.from_bytes(hashlib.blake2b(number.encode(), key=self._key, digest_size=8).digest())
        many = min(self._count, 9)
        return re.sub("[0-9]", lambda match: str(1 + (digest >> match.start() % 40) % many), number)

    def filled(self, text: str) -> str:
        """The text without its content; one that is a JSON object or array stays one."""
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
    """The first byte of those that decide alike what is UTF-8 (Unicode 16.0, table 3-7)."""
    starts = (0x80, 0x90, 0xA0, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xEE, 0xF0, 0xF1, 0xF4, 0xF5)
    return max(start for start in starts if start <= byte)
