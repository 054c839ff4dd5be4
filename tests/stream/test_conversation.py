"""What requests and outputs say of their conversation: histories are alike, whatever way clients write them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responses_tap.protocol.events import read
from responses_tap.stream.conversation import OutputItems, RequestClues, clues_of

ASKED = {"role": "user", "content": "Hi"}
MESSAGE = {
    "type": "message",
    "id": "msg_1",
    "status": "completed",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hello ", "annotations": []}, {"type": "output_text", "text": "you"}],
}
CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "add", "arguments": '{"a": 1, "b": 2}'}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "3"}
REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}


def clues(*items: Any, **members: Any) -> RequestClues:
    return clues_of((), json.dumps({"input": list(items), **members}))


def output(*items: Any) -> OutputItems:
    known = OutputItems()
    known.complete({"output": list(items)})
    return known


def continues(request: RequestClues, before: RequestClues, *items: Any) -> bool:
    """Whether a request begins with the input of the one before it, and its output."""
    return output(*items).history(before.history) in request.histories


@pytest.mark.parametrize(
    "sent",
    [
        [MESSAGE, CALL],
        [REASONING, MESSAGE, CALL],
        [{"role": "assistant", "content": "Hello you"}, {**CALL, "id": None, "arguments": '{"b":2,"a":1}'}],
        [{"role": "assistant", "content": [{"type": "text", "text": "Hello you"}]}, CALL | {"status": "completed"}],
        [{**MESSAGE, "id": "msg_x", "phase": "final"}, REASONING, CALL],
    ],
)
def test_the_turn_before_is_found_however_it_is_sent_again(sent: list[Any]) -> None:
    before = clues(ASKED)
    for first in (ASKED, {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}):
        assert continues(clues(first, *sent, RESULT), before, REASONING, MESSAGE, CALL)
    as_text = clues_of((), json.dumps({"input": "Hi"}))
    assert continues(clues(ASKED, *sent, RESULT), as_text, MESSAGE, CALL)


@pytest.mark.parametrize(
    "sent",
    [
        [ASKED, MESSAGE, CALL],  # nothing new
        [ASKED, CALL, RESULT],
        [{"role": "user", "content": "Ho"}, MESSAGE, CALL, RESULT],
        [ASKED, MESSAGE | {"content": "Hello"}, CALL, RESULT],
        [ASKED, MESSAGE, CALL | {"call_id": "c2"}, RESULT],
        [ASKED, MESSAGE, CALL | {"arguments": "{}"}, RESULT],
        [{"role": "system", "content": "x"}, ASKED, MESSAGE, CALL, RESULT],
    ],
)
def test_another_history_is_not_taken_for_it(sent: list[Any]) -> None:
    assert not continues(clues(*sent), clues(ASKED), MESSAGE, CALL)


def test_a_turn_is_found_whose_output_is_too_long_to_be_compared() -> None:
    long = {"type": "custom_tool_call", "id": "ct_1", "call_id": "c2", "name": "write", "input": "x" * 2**23}
    assert continues(clues(ASKED, long, MESSAGE, CALL, RESULT), clues(ASKED), long, MESSAGE, CALL)
    assert not continues(clues(ASKED, long, CALL, RESULT), clues(ASKED), long, MESSAGE, CALL)
    (item,) = output(long).items
    assert (item.tool, item.call_id, item.digest) == ("write", "c2", None)


def test_a_turn_without_output_is_no_beginning() -> None:
    assert output(REASONING).history(clues(ASKED).history) is None
    assert output(MESSAGE).history(clues(ASKED, previous_response_id="resp_0").history) is None


def test_what_a_request_is_about() -> None:
    assert clues(ASKED, MESSAGE, {"role": "user", "content": "  Where\nis it? "}).prompt == "Where is it?"
    assert clues(ASKED, {"role": "developer", "content": "Be brief"}).prompt == "Hi"
    image = {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA"}]}
    assert clues(image).prompt == "[input_image]"
    assert len(clues({"role": "user", "content": "word " * 1000}).prompt or "") == 200
    brought = clues(ASKED, CALL, RESULT)
    assert (brought.prompt, [tuple(result) for result in brought.results]) == (None, [("c1", "add", "3")])
    assert [result.name for result in clues(RESULT).results] == [None]
    assert clues(ASKED, CALL, RESULT, ASKED).prompt == "Hi"
    assert clues_of((), None) == clues_of((), "[]") == clues_of((), "{}") == RequestClues()


def test_how_clients_name_a_conversation() -> None:
    for named in ("conv_1", {"id": "conv_1"}):
        assert clues(ASKED, conversation=named).thread == "conv_1"
    headers = (("Session-Id", "s"), ("thread_id", "t"))
    assert clues_of(headers, "{}").thread == "t"
    assert clues_of(headers[:1], "{}").thread == "s"
    assert clues_of(headers, '{"conversation": "conv_1"}').thread == "conv_1"


def test_tools_are_named_as_one_knows_them() -> None:
    named = output(
        CALL, CALL, {"type": "web_search_call", "id": "ws_1"}, {"type": "mcp_call", "name": "lookup"}, MESSAGE
    )
    assert named.tools == "add, web_search, lookup"
    assert output(MESSAGE).tools is None


def test_an_item_counts_once_though_the_response_repeats_it() -> None:
    items = OutputItems()
    done = {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE}
    ended = {"type": "response.completed", "response": {"output": [MESSAGE, CALL]}}
    for data in (done, ended, ended):
        items.take(read(json.dumps(data).encode()))
    assert [(item.type, item.tool) for item in items.items] == [("message", None), ("function_call", "add")]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "role", "content", "call_id", "id", "name", "output", "text", "arguments", "input"]
            ),
            inner | st.sampled_from(["message", "function_call", "function_call_output", "user", "output_text"]),
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["input", "conversation", "previous_response_id"]), _JSON), _JSON)
def test_any_json_is_read(body: dict[str, Any], item: Any) -> None:
    found = clues_of((), json.dumps(body))
    found.history and output(item, *([item] * 2)).history(found.history)
    assert all(isinstance(text, str) for text in (*found.call_ids, *found.item_ids, found.prompt or ""))


def test_what_is_nested_too_deeply_is_no_trouble() -> None:
    deep = "[" * 900 + "]" * 900
    body = f'{{"input":[{{"role":"user","content":{deep}}},{{"type":"x_output","call_id":"c","output":{deep}}}]}}'
    assert clues_of((), body).call_ids == ("c",)
