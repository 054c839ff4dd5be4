"""Content-encodings: whatever the bytes and however they are split, what comes out is what went in."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recorder.test_recorder import ENCODINGS

from responses_tap.coding import ContentDecoder


@settings(deadline=None)
@given(
    body=st.binary(max_size=3000) | st.text(max_size=3000).map(str.encode),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    cuts=st.lists(st.integers(0, 3000)),
)
def test_any_split_decodes_to_the_body(body: bytes, encoding: str, cuts: list[int]) -> None:
    wire = ENCODINGS[encoding](body)
    decoder = ContentDecoder(encoding)
    ends = [0, *sorted(min(cut, len(wire)) for cut in cuts), len(wire)]
    assert b"".join(decoder.decode(wire[begin:end]) for begin, end in pairwise(ends)) == body
    assert decoder.damage is None


BODY = b"".join(b"%d %d\n" % (n, n * n) for n in range(1000))
WIRES = {encoding: ENCODINGS[encoding](BODY) for encoding in ("gzip", "deflate", "br", "zstd")}


@pytest.mark.parametrize("encoding", WIRES)
@settings(deadline=None, max_examples=40)
@given(at=st.integers(200, 100_000), garbage=st.binary(min_size=40, max_size=40))
def test_damage_keeps_what_came_before_and_says_where(encoding: str, at: int, garbage: bytes) -> None:
    wire = WIRES[encoding]
    at %= len(wire)
    decoder = ContentDecoder(encoding)
    whole = ContentDecoder(encoding).decode(wire[: max(0, at - 16)])
    got = decoder.decode(wire[:at] + garbage)
    assert got[: len(whole)] == whole
    if decoder.damage is not None:
        assert decoder.damage.startswith(f"the content-encoding broke within {at + 40} bytes (")


def test_encodings_one_over_the_other_are_bounded() -> None:
    decoder = ContentDecoder(", ".join(["zstd"] * 6))
    assert decoder.decode(b"data") == b""
    assert decoder.damage == "there are 6 content-encodings; at most 5 are decoded"
    assert ContentDecoder(", ".join(["identity", *["gzip"] * 5])).damage is None
