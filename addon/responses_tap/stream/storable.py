"""Values from peers, typed and bounded on entry, so that a row can hold whatever they send."""

type Value = str | bytes | int | None
"""The largest value that fits a column."""

LONGEST = 4096
"""Characters of a short text, such as a method, an id or a reason. Longer ones are cut; the raw bytes have it all."""
_LARGEST = 2**31 - 1
_MOST_DIGITS = 9
_MOST = 2**63 - 1


def short_text(value: object) -> str:
    """The value as a short text without NULs and lone surrogates; empty if it isn't a text."""
    return whole_text(value[:LONGEST]) if isinstance(value, str) else ""


def whole_text(value: object) -> str:
    """The value as a text without NULs and lone surrogates; empty if it isn't a text."""
    if not isinstance(value, str):
        return ""
    text = value if value.isascii() else value.encode(errors="replace").decode()
    return text.replace("\0", "\ufffd")


def small_int(value: object) -> int | None:
    """The value if it is a non-negative integer of at most 31 bits (a status, a close code), else None."""
    return value if type(value) is int and 0 <= value <= _LARGEST else None


def count_of(text: str | None) -> int | None:
    """The number in a header, None unless it is decimal, of at most nine digits."""
    return int(text) if text and len(text) <= _MOST_DIGITS and text.isascii() and text.isdecimal() else None


def pairs(value: object) -> list[tuple[str, str]]:
    """The value as names and values of headers; anything but a pair is left out."""
    entries = value if isinstance(value, list | tuple) else ()
    return [
        (whole_text(entry[0]), whole_text(entry[1]))
        for entry in entries
        if isinstance(entry, list | tuple) and len(entry) == 2  # noqa: PLR2004 (a pair)
    ]


def storable_int(value: object) -> int | None:
    """The value if it is an integer that fits a column, else None: JSON allows larger ones."""
    return value if type(value) is int and -_MOST <= value <= _MOST else None


def storable_text(value: object) -> str | None:
    """The value if it is a text, with `?` for lone surrogates (possible in JSON, not in UTF-8), else None."""
    if not isinstance(value, str):
        return None
    return value if value.isascii() else value.encode(errors="replace").decode()
