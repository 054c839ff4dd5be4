"""JSON files that are read as a whole, with a message for what is wrong with them."""

import json
import re
from typing import Any, BinaryIO

from responses_tap.formats import TooLarge, UnrecognizedFormat

LARGEST = 512 << 20
"""Bytes: a larger document would need several times its size in memory."""
MOST_VALUES = 5_000_000
"""Values in one document: each needs some 100 bytes in memory, however short it is in the file."""
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def load(file: BinaryIO, start: bytes = b"") -> Any:  # noqa: ANN401 (JSON)
    """The JSON value in `file`, of which `start` has been read; UnrecognizedFormat if it isn't one, or is too large."""
    return parse(start + file.read(max(0, LARGEST + 1 - len(start))))


def parse(content: bytes) -> Any:  # noqa: ANN401 (JSON)
    """The JSON value in these bytes; UnrecognizedFormat as in `load`."""
    if len(content) > LARGEST:
        raise TooLarge(f"is a JSON document of more than {LARGEST >> 20} MB, too large to read; split it")
    if _values(content) > MOST_VALUES:
        raise TooLarge(f"is a JSON document of more than {MOST_VALUES:,} values, too many to read; split it")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnrecognizedFormat(
            f"is JSON that is not UTF-8 (line {content.count(b'\n', 0, error.start) + 1})"
        ) from error
    except json.JSONDecodeError as error:
        raise UnrecognizedFormat(f"is JSON that breaks in line {error.lineno} ({error.msg})") from error
    except ValueError as error:  # Python's limit of digits
        raise UnrecognizedFormat("is JSON with a number too long to read") from error
    except RecursionError as error:
        raise UnrecognizedFormat("is JSON that is nested too deeply") from error


def _values(content: bytes) -> int:
    """An upper bound of the number of values: each follows a comma or opens an object or array."""
    most = sum(map(content.count, (b",", b"{", b"[")))
    if most <= MOST_VALUES:
        return most
    # Strings may be full of commas, as events in a HAR are.
    return sum(map(_STRING.sub(b"", content).count, (b",", b"{", b"[")))
