"""Streams one after another in a text: the working and the broken one of a bug report, each below its heading."""

import itertools
import json
import re
from typing import Any

from responses_tap.protocol.events import is_error
from responses_tap.protocol.grammar import TERMINALS

_FENCE = re.compile(rb"[ \t>]{0,9}(?:```|~~~)")
_TERMINAL = re.compile("|".join(map(re.escape, sorted(TERMINALS))).encode())
_BEGINS = b"response.created"
_PROSE = re.compile(rb"(?!\s*(?:event:|data:|id:|retry:|:|[{}\[\]\"]))[^a-zA-Z\n]{0,20}[a-zA-Z]{3}")
"""A line of other text."""


def parts(content: bytes) -> list[bytes]:
    """The text cut where other text follows the end of a stream, before another begins; each keeps its line numbers."""
    lines = content.splitlines(keepends=True)
    cuts, has_ended, has_prose = [0], False, 0
    for n, line in enumerate(lines):
        if has_ended and has_prose and _BEGINS in line:
            cuts.append(has_prose)
            has_ended, has_prose = False, 0
        elif _TERMINAL.search(line):
            has_ended, has_prose = True, 0
        elif has_ended and not has_prose and _PROSE.match(line):
            has_prose = n
    pairs = itertools.pairwise([*cuts, len(lines)])
    return [b"\n" * begin + b"".join(lines[begin:end]) for begin, end in pairs]


def error(content: bytes) -> Any:  # noqa: ANN401 (JSON)
    """The error in JSON that a text shows in a fence, None where it shows none."""
    inside, block = False, []
    for line in content.splitlines(keepends=True):
        if not _FENCE.match(line):
            block += [line] if inside else []
            continue
        inside, document = not inside, _json(b"".join(block))
        if is_error(document):
            return document
        block = []
    return None


def _json(text: bytes) -> Any:  # noqa: ANN401 (JSON)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
