"""The filter language: what it matches, what it rejects and where, and that it parses what it writes."""

from datetime import datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responses_tap.stream.columns import COLUMNS
from responses_tap.stream.file_values import timestamp
from responses_tap.stream.filters import FIELDS, TIMES, Filter, FilterError, Term, parse

_TEXTS = [name for name, field in FIELDS.items() if not field.is_number and not field.is_time]
_NUMBERS = [name for name, field in FIELDS.items() if field.is_number]


_KNOWN = {
    "id": 3,
    "model": "gpt-5.1",
    "url": "http://localhost:8321/v1/responses",
    "host": "localhost:8321",
    "route": "sse",
    "status": 200,
    "state": "completed",
    "ended_by": "server",
    "response_id": "resp_[1]",
    "first_byte_ns": 250_000_000,
    "end_ns": 2_000_000_000,
    "event_count": 13,
    "errors": 2,
    "warnings": 0,
    "notes": 0,
    "started_at": "2026-11-28T21:38:00.000000Z",
    "conversation": "conv_1",
    "prompt": "What is the weather in Paris?",
    "tools": "get_weather, search, lookup",
}


def row(**others: object) -> SimpleNamespace:
    """What a filter looks at; what isn't known is None."""
    return SimpleNamespace(**dict.fromkeys(COLUMNS) | _KNOWN | others)


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "model:gpt*", "MODEL:GPT-5.1", "model:x,gpt-?.1", 'model:"gpt-5.1"', "errors>0", "errors>=2 errors<3",
        "errors:2", "errors=1,2", "status<=200", "code:MD*", "code:ns201,md301", "-code:ST*", "-state:open",
        "host:localhost:8321", "id:3", "ended_by:client,server", "first<0.5 took>1.5", "gpt", "8321", "RESP_[1]", "md3",
        "nothing,gpt", '"v1/resp"', "gpt*5", "-nothing", "conversation:conv_*",
        "prompt:weather", 'prompt:"in paris"', "tool:get_weather", "tool:search", "tool:look*", "tool:x,lookup",
        "tool:*",
        "-tool:get", "paris", "lookup", "path:/v1/responses", "path:*/responses", "after:2026-11-28T21:38Z",
        "after:2026-11-27", "before:2026-11-28T21:39Z", "before:2026-11-28T23:39+02:00", "-after:2026-11-30",
        "after:2026-11-30,2026-11-01", 'route:sse "localhost:8321"', "response_id:*[1]", "--x",
    ],
)  # fmt: skip
def test_it_matches(text: str) -> None:
    assert parse(text).matches(row(), ("MD301", "NS201"))


@pytest.mark.parametrize(
    "text",
    [
        "model:gpt", "model:claude*", "errors>2", "-errors>0", "code:MD", "-code:MD*", "state:complete", "nothing",
        "gpt nothing", "-gpt", "id:4", "status>=400", "response_id:resp_1", "state:open,failed",
        "conversation:conv", "prompt:london", "tool:weather", "tool:search?", "path:/responses",
        "after:2026-11-28T21:39Z", "before:2026-11-28T21:38Z", "before:2026-11-28T21:38:00+02:00",
    ],
)  # fmt: skip
def test_it_does_not_match(text: str) -> None:
    assert not parse(text).matches(row(), ("MD301", "NS201"))


def test_times_are_of_today_or_ago_by_the_clock_of_this_machine() -> None:
    now = datetime.now().astimezone()
    later = f"{now + timedelta(minutes=1):%Y-%m-%dT%H:%M:%S}"
    recent = row(started_at=timestamp(now - timedelta(minutes=5)))
    for text in (
        "after:10m",
        "after:1h",
        "after:2d",
        "before:1m",
        f"before:{now + timedelta(minutes=1):%Y-%m-%dT%H:%M}",
    ):
        assert parse(text).matches(recent, ())
    for text in ("after:200s", "before:10m", "before:2h", f"after:{later}"):
        assert not parse(text).matches(recent, ())
    noon = row(started_at=timestamp(datetime.combine(now.date(), time(12)).astimezone()))
    assert parse("after:11:59 before:12:01").matches(noon, ())
    assert not parse("after:12:01").matches(noon, ())
    assert not parse("after:2026-01-01").matches(row(started_at="?"), ())


def test_a_missing_value_compares_with_nothing() -> None:
    bare = row(model=None, status=None, response_id=None, end_ns=None)
    for text in ("status>=0", "status<1000", "took>0", "model:?*"):
        assert not parse(text).matches(bare, ())
    for text in ('model:""', "-status>=0", "-code:*"):
        assert parse(text).matches(bare, ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("errors>", "at character 8: expected a number for errors"),
        ("gpt errors>many", "at character 12: expected a number for errors"),
        ("model:", "at character 7: expected a value for model"),
        ("model:a,", "at character 9: expected a value for model"),
        ("model>a", "at character 6: expected model: (only numbers are compared)"),
        ("-", "at character 2: expected a word"),
        ('model:"gpt', 'at character 11: expected a closing "'),
        ('"a"b', "at character 4: expected a space or , after the value"),
        (
            "modl:a",
            (
                "at character 1: expected a field, 'modl' is unknown (did you mean 'model'?); "
                "quote it to search for the word"
            ),
        ),
        ("after:", "at character 7: expected a value for after"),
        ("after:noon", f"at character 7: expected a time for after: {TIMES}"),
        ("before:2026-13-01", f"at character 8: expected a time for before: {TIMES}"),
    ],
)
def test_an_error_says_where_and_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(("text", "at"), [("(((", 1), ("gpt )", 5), ("-(model:a errors>0)", 2), ("a,(b", 3)])
def test_parentheses_do_not_group(text: str, at: int) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    expected = "terms without parentheses: a space means AND, a comma OR; quote them to search for them"
    assert str(caught.value) == f"at character {at}: expected {expected}"


@pytest.mark.parametrize("text", ["foo(bar)", "foo(", '"((("', '"(sic)"'])
def test_a_word_may_have_parentheses(text: str) -> None:
    assert parse(text).matches(row(prompt="foo(bar) ((( (sic)"), ())
    assert str(parse(text)) == text


_values = st.lists(st.text(), min_size=1, max_size=3).map(tuple)
_numbers = st.lists(st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,3})?", fullmatch=True), min_size=1, max_size=2).map(tuple)
_times = st.lists(st.sampled_from(["10m", "2026-11-28", "21:38", "2026-11-28T21:38:00+02:00"]), min_size=1).map(tuple)
_operators = st.sampled_from([":", "=", ">", "<", ">=", "<="])
_terms = st.one_of(
    st.builds(Term, st.just(""), st.just(""), _values, st.booleans()),
    st.builds(Term, st.sampled_from(_TEXTS), st.just(":"), _values, st.booleans()),
    st.builds(Term, st.sampled_from(["after", "before"]), st.just(":"), _times, st.booleans()),
    st.builds(Term, st.sampled_from(_NUMBERS), _operators, _numbers, st.booleans()),
)


@given(st.lists(_terms, max_size=4).map(lambda terms: Filter(tuple(terms))))
def test_what_is_written_parses_to_the_same(written: Filter) -> None:
    assert parse(str(written)) == written
    assert written.matches(row(), ("MD301",)) in (True, False)


def _check(text: str) -> Any:
    try:
        read = parse(text)
    except FilterError as error:
        assert 0 <= error.position <= len(text)  # noqa: PT017
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert parse(str(read)) == read
        assert read.matches(row(), ()) in (True, False)


@given(st.text())
def test_any_text_is_a_filter_or_an_error(text: str) -> None:
    _check(text)


@given(st.text(alphabet=' -:,"\\*?<>=[].0123modelcodeerrors\n'))
def test_so_is_any_text_that_resembles_one(text: str) -> None:
    _check(text)
