"""Filters by anybody: each is read, or refused in one line; one that is read can be written and read again."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responses_tap.stream.filters import FIELDS, FilterError, parse

words = st.sampled_from(
    [*FIELDS, ":", ">=", "<", "=", "-", ",", '"', "\\", "*", "?", "[", "(", " ", "1", "9" * 400, "\ud800", "\x00"]
)


@given(st.lists(words | st.text(max_size=3), max_size=20).map("".join))
def test_any_text(text: str) -> None:
    refused: list[FilterError] = []
    try:
        found = parse(text)
    except FilterError as error:
        refused.append(error)
    for error in refused:
        assert "\n" not in str(error)
        assert 0 <= error.position <= len(text)
    assert refused or parse(str(found)) == found


LONG = ("(" * 100_000, "-" * 100_000, '"' * 99_999, "model:" + "*a" * 5_000, "a " * 50_000, "id:" + "9" * 100_000)


@pytest.mark.parametrize("text", LONG, ids=lambda text: text[:8])
def test_a_filter_of_any_length(text: str) -> None:
    with contextlib.suppress(FilterError):
        parse(text)
