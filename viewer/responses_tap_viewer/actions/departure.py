"""What an export takes along, in plain words: what is masked, how much text, what looks like personal data."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from responses_tap.errors import UnusableInput
from responses_tap.privacy.leaks import named
from responses_tap.privacy.masks import MASK
from responses_tap.privacy.personal import find_personal
from responses_tap.privacy.redaction import Redaction, is_text
from responses_tap.privacy.rewriting import Path, delta_texts
from responses_tap.protocol.events import parse
from responses_tap.stream.columns import COLUMNS, StreamRow
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.reports.text import counted

_NAMED = 3
"""Places named besides the first."""
_OPAQUE = frozenset(("obfuscation", "encrypted_content", "partial_image_b64", "logprobs"))
"""Members whose strings are neither user nor model text."""
_TEXTS = {
    Redaction.WHOLE: "user and model text, unredacted: {size:,} character{s}",
    Redaction.NO_TEXT: (
        "each character of user and model text is replaced; names of models, tools, parameters and members, ids and "
        "numbers are exported as they are"
    ),
    Redaction.STRUCTURE: "types, statuses, places, sizes and times alone are exported; ids are numbered",
}


type _PlacedText = tuple[str, Path, str]
"""The place of a text in words, its path in the JSON, and the text."""


class Datum(NamedTuple):
    """Something that looks like personal data, and where it first occurs."""

    kind: str
    value: str
    place: str


class PersonalFound(UnusableInput):
    """Streams that must not be exported as they are: they contain personal data. `words` summarises the export."""

    def __init__(self, stream: JudgedStream, data: Sequence[Datum], words: str) -> None:
        places = list(dict.fromkeys(datum.place for datum in data))
        more = ", and in " + ", ".join(places[1 : _NAMED + 1]) if len(places) > 1 else ""
        more += " and more" if len(places) > _NAMED + 1 else ""
        super().__init__(
            stream.name,
            f"has likely personal data ({data[0].kind}) in {places[0]}{more}; --redact-text replaces texts, "
            "--structure-only keeps none, --allow-text exports it as it is",
        )
        self.words = words


def words(streams: Sequence[JudgedStream], redaction: Redaction, data: Iterable[Datum], starred: int) -> str:
    """What these already redacted streams take along; `data` is personal, `starred` counts secrets masked in events."""
    personal = Counter(datum.kind for datum in data)
    size = sum(text_size(stream) for stream in streams) if redaction is Redaction.WHOLE else 0
    seems = ", ".join(counted(n, kind) for kind, n in sorted(personal.items()))
    return "; ".join(
        (
            f"credentials masked: {starred + sum(map(_masked, streams))}",
            _TEXTS[redaction].format(size=size, s="s" * (size != 1)),
            f"likely personal data: {seems}" if seems else "no likely personal data",
        )
    )


def personal_data(stream: JudgedStream) -> list[Datum]:
    """What looks like personal data in the stream, without repetitions."""
    found: dict[tuple[str, str], Datum] = {}
    messages = [(f"the message of {finding.code}", (), finding.message) for finding in stream.findings]
    for place, _, text in (*_row_texts(stream.row), *_event_texts(stream), *messages):
        for kind, start, end in find_personal(text):
            value = re.sub(r"[ ().-]", "", text[start:end]).lower()
            found.setdefault((kind, value), Datum(kind, value, place))
    return list(found.values())


def text_size(stream: JudgedStream) -> int:
    """How many characters user and model have written; repeated text counts once."""
    bodies = (place for place in _row_texts(stream.row) if place[1])
    texts = {text for _, path, text in (*bodies, *_event_texts(stream)) if path and path[-1] and is_text(path, text)}
    return sum(map(len, texts))


def _masked(stream: JudgedStream) -> int:
    """How many different credentials are masked outside the events."""
    return len({mark for _, _, text in _row_texts(stream.row) for mark in MASK.findall(text)})


def _event_texts(stream: JudgedStream) -> Iterator[_PlacedText]:
    for entry in stream.entries:
        event = parse(entry.frame.data or b"")
        place = named(entry)
        if event.flaw is not None:
            yield place, (), entry.frame.raw.decode(errors="replace")
        else:
            pieces = "delta" if (event.type or "").endswith("delta") else ""
            yield from ((place, path, text) for path, text in _texts_in(event.data) if path[:1] != (pieces,))
    for text, whole in delta_texts(stream.entries).items():
        yield f"the text of the {text.type} events", text.path, whole


def _row_texts(row: StreamRow | None) -> Iterator[_PlacedText]:
    if row is None:
        return
    for column in COLUMNS.values():
        value = getattr(row, column.name) if column.words else None
        if not value:
            continue
        if column.is_headers:
            yield from ((f"{column.words} {header}", (), text) for header, text in value)
        elif column.is_body:
            yield from ((column.words, path, text) for path, text in _texts_of(value))
        else:
            yield column.words, (), value


def _texts_of(body: str | bytes) -> Iterator[tuple[Path, str]]:
    try:
        yield from _texts_in(json.loads(body))
    except (ValueError, RecursionError):
        yield ("",), body if isinstance(body, str) else body.decode(errors="replace")


def _texts_in(value: Any) -> Iterator[tuple[Path, str]]:  # noqa: ANN401 (JSON)
    """The strings, names and integers in a JSON value; the path of a name ends with an empty string."""
    pending: list[tuple[Path, Any]] = [((), value)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            pending += [((*path, name), inner) for name, inner in value.items() if name not in _OPAQUE]
            yield from (((*path, ""), name) for name in value)
        elif isinstance(value, list):
            pending += [(path, inner) for inner in value]
        elif type(value) is int:
            yield (*path, ""), str(value)
