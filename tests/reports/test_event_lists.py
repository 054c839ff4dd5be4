"""A rule's sequences in event names: what a user reads has no notation of ours."""

import re

import pytest

from responses_tap.protocol.grammar import ROWS
from responses_tap.protocol.rules import RULES
from responses_tap_viewer.reports.event_lists import event_list

_NOTATION = re.compile(r"\b(item|part|sp|annotation)[+-]\d|\b(text|rt|refusal|st|args)[~=]|\bws\.|<out")


@pytest.mark.parametrize("code", RULES)
def test_no_page_has_notation(code: str) -> None:
    page = RULES[code].page()
    for sequence in (page.bad, page.good):
        lines = event_list(sequence)
        assert not [line for line in lines if _NOTATION.search(line)]
        for line in lines:
            if line.lstrip().startswith("response."):
                assert line.split()[0] in ROWS or "reasoning_part" in line, line


def test_events_are_named_placed_and_indented() -> None:
    assert event_list("created<id=a>, item+0{message, id:a}, part+0.1[output_text](b), text~0.1'Hel, lo', …, EOF") == [
        "response.created  {id: a}",
        "  response.output_item.added  output[0] {message, id:a}",
        "    response.content_part.added  output[0].content[1] output_text {item_id: b}",
        "      response.output_text.delta  output[0].content[1] 'Hel, lo'",
        "…",
        "end of the stream",
    ]
    assert event_list("completed<out=1>, completed<out=0>, completed<a>") == [
        "response.completed  {output: 1 item}",
        "response.completed  {output: 0 items}",
        "response.completed  {response a}",
    ]


def test_anything_else_stays_as_it_is() -> None:
    assert event_list("HTTP 429 with an event stream, or an HTML page") == [
        "HTTP 429 with an event stream, or an HTML page"
    ]
