"""What replaces a secret: `masked-` and its fingerprint, in ASCII that any header, URL or shell accepts.

The 16 digits are a keyed fingerprint (HMAC-SHA256, 64 bits): within one run of the recorder the same secret has the
same digits everywhere. The key is only in memory, so that nobody who has the file can test guesses.
"""

import hashlib
import hmac
import re

MASK = re.compile(r"masked-([0-9a-f]{16})(?![0-9a-f])|‹masked ([0-9a-f]{6})›")
"""A mask in a text; its fingerprint is the first group, or the second in recordings of 0.1.0."""


def mask_of(secret: str, key: bytes) -> str:
    """The mask of a secret."""
    return f"masked-{hmac.new(key, secret.encode(errors='surrogatepass'), hashlib.sha256).hexdigest()[:16]}"


def is_mask(text: str) -> bool:
    """Whether the text is exactly one mask."""
    return MASK.fullmatch(text) is not None


def alike(text: str) -> str:
    """The text with all its masks alike: so texts are the same whose secrets different runs have masked."""
    return MASK.sub("masked", text)
