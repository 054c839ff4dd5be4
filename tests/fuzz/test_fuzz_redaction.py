"""Any JSON, and any bytes, planted anywhere in a stream: nothing of them is in its structure."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import RECORDINGS, events_of

from responses_tap.errors import UnusableInput
from responses_tap.privacy.redaction import Redaction, redacted
from responses_tap.protocol.sse import decode
from responses_tap.stream.model import Entry, JudgedStream

SAMPLES = [events_of(RECORDINGS / f"clean/{name}.sse") for name in ("text", "tool-call")]
NAMES = ("type", "id", "status", "model", "usage", "metadata", "delta", "created_at", "item", "x", "output_tokens")

_WORD = st.integers(0, 25**4 - 1).map(
    lambda n: "Qu" + "".join(chr(97 + n // 25**place % 25) for place in range(4)) + "Zy"
)
_NUMBER = st.integers(7_000_000, 9_999_999)
_JSON = st.recursive(
    _WORD
    | _NUMBER
    | _NUMBER.map(lambda n: -n / 3)
    | st.booleans()
    | st.none()
    | _NUMBER.map(str)
    | _WORD.map("é\ud800".__add__),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | _WORD, inner, max_size=4),
    max_leaves=8,
)
_LINES = st.lists(
    st.tuples(
        st.sampled_from(["event: ", "id: ", "retry: ", ": ", "data: ", "data:{", "x: ", ""]), _WORD | _NUMBER.map(str)
    ),
    max_size=4,
).map(lambda lines: "".join(f"{field}{text}\n" for field, text in lines).encode() + b"\n")


def planted(value: Any) -> set[str]:
    """The words and numbers in a JSON value."""
    if isinstance(value, dict):
        return {word for name, inner in value.items() for word in planted(inner) | planted(name)} - set(NAMES)
    if isinstance(value, list):
        return {word for inner in value for word in planted(inner)}
    return {str(value).strip("-é\ud800")} if isinstance(value, str | float) or type(value) is int else set()


def places(value: Any) -> list[Any]:
    """The objects and arrays in a JSON value."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value] * isinstance(value, dict) + [place for one in inner for place in places(one)]


@settings(max_examples=150, deadline=None)
@given(
    sample=st.sampled_from(SAMPLES),
    rnd=st.randoms(use_true_random=False),
    values=st.lists(st.tuples(st.sampled_from(NAMES) | _WORD, _JSON), min_size=1, max_size=4),
    lines=_LINES,
    raw=st.binary(max_size=12),
)
def test_nothing_that_is_planted_is_in_the_structure(
    sample: list[dict[str, Any]], rnd: Any, values: list[tuple[str, Any]], lines: bytes, raw: bytes
) -> None:
    events = json.loads(json.dumps(sample))
    for name, value in values:
        rnd.choice(places(events))[name] = value
    # Escapes, for there are lone surrogates.
    whole = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode(
        errors="replace"
    )
    at = rnd.randrange(len(whole))
    whole = whole[:at] + lines + raw + whole[at:] if rnd.random() < 0.5 else whole + lines + raw
    entries = [Entry(n, frame, n) for n, frame in enumerate(decode([whole]))]
    words = {word for name, value in values for word in planted(value) | planted(name)} - set(NAMES)
    try:
        left = redacted(JudgedStream("a.sse", entries=entries), Redaction.STRUCTURE)
    except UnusableInput:
        return
    assert len(left.body) == len(whole)
    text = f"{left.body.decode(errors='replace')} {[finding.message for finding in left.findings]}"
    assert [word for word in words if len(word) > 4 and word in text] == []
