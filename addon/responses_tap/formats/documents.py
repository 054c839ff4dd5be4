"""JSON files that are read as a whole, with words for what is wrong with them."""

import json
from typing import Any, BinaryIO

from responses_tap.formats import Foreign

LARGEST = 512 << 20
"""Bytes: a larger document would need several times its size in memory."""


def load(file: BinaryIO, start: bytes = b"") -> Any:  # noqa: ANN401 (JSON)
    """The JSON value in `file`, of which `start` has been read; Foreign where it is none, or too large."""
    content = start + file.read(max(0, LARGEST + 1 - len(start)))
    if len(content) > LARGEST:
        raise Foreign(f"is a JSON document of more than {LARGEST >> 20} MB, too large to read; split it")
    try:
        return json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Foreign(f"is JSON that is not UTF-8 (line {content.count(b'\n', 0, error.start) + 1})") from error
    except json.JSONDecodeError as error:
        raise Foreign(f"is JSON that breaks in line {error.lineno} ({error.msg})") from error
    except RecursionError as error:
        raise Foreign("is JSON that is nested too deeply") from error
