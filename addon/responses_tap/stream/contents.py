"""The words of a stream: what its prompt and its output say, as one text to search in."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator

from responses_tap.protocol.events import read
from responses_tap.protocol.grammar import Role
from responses_tap.stream.event_text import PLACE, text_of

_NOT_WORDS = frozenset(
    ("id", "type", "object", "status", "role", "model", "item_id", "response_id", "call_id", "previous_response_id",
     "obfuscation", "encrypted_content", "signature", "image_url", "file_data", "b64_json", "partial_image_b64")
)  # fmt: skip
"""Members whose values nobody wrote to be read."""


def contents(request_body: str | None, events: Iterable[bytes], response_body: bytes | None) -> str:
    """The texts of a request, of the JSON of its events, and of a body that wasn't streamed, a line each.

    The deltas of a place are joined: a word may be spread over several.
    """
    deltas: defaultdict[tuple[object, ...], list[str]] = defaultdict(list)
    texts = list(_of_json(request_body or ""))
    for data in events:
        event = read(data)
        if event.row is not None and event.row.role is Role.DELTA:
            deltas[event.type, *map(event.index, PLACE)].append(text_of(event))
        else:
            texts += _words(event.data)
    texts += map("".join, deltas.values())
    return "\n".join([*texts, *_of_json((response_body or b"").decode(errors="replace"))])


def _of_json(text: str) -> Iterator[str]:
    try:
        yield from _words(json.loads(text))
    except (ValueError, RecursionError):
        yield text


def _words(value: object) -> Iterator[str]:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            waiting += [inner for name, inner in reversed(value.items()) if name not in _NOT_WORDS]
        elif isinstance(value, list):
            waiting += reversed(value)
