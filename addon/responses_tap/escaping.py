"""Text from outside, escaped for the place that it is put into: one function for each kind of place."""

import re

SHORT = 60
"""Characters of a text shown in a row."""
_UNSAFE = re.compile(
    # Controls, line and paragraph separators, zero-width and bidirectional marks, surrogates, private use.
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\uf8ff\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000fffff"
    # Terminals do not agree how wide these are, or draw them as nothing: joiners and fillers, halves of Hangul
    # syllables, enclosing marks, variation selectors, halves of flags, skin tones.
    "\u034f\u115f-\u11ff\u17b4\u17b5\u180b-\u180f\u20dd-\u20e4\u3164\ud7b0-\ud7ff\ufe00-\ufe0f\uffa0"
    "\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]"
)


def printable(text: str) -> str:
    """`text` with everything escaped that a terminal or a reader's eye could be fooled by."""
    return _UNSAFE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def shorten(text: str, most: int = SHORT) -> str:
    """At most `most` characters of a text, made printable."""
    return printable(text if len(text) <= most else text[: most - 1] + "…")
