"""The bench: every sample and fault under a base URL of its own, to real clients that ask for what they want."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote, urlsplit

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from tests.conftest import BROKEN, CLEAN, RECORDINGS

from responses_tap import Severity, check
from responses_tap.protocol.faults import FAULTS
from responses_tap_viewer.actions.bench import Bench
from responses_tap_viewer.actions.bench.invented import invented
from responses_tap_viewer.actions.faulty import every_fault
from responses_tap_viewer.actions.replay_server import Asked, Refused, ReplayServer

STREAM = b'{"model":"m","input":"hi","stream":true}'
TOOL: Any = {
    "type": "function",
    "name": "forecast",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "minimum": 2},
            "unit": {"enum": ["C", "F"]},
            "places": {"type": "array", "items": {"$ref": "#/$defs/place"}},
        },
        "required": ["city", "days", "unit", "places"],
        "$defs": {"place": {"type": "object", "properties": {"exact": {"type": "boolean"}}}},
    },
}
SECOND: Any = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}}
FITTING = {"city": "sample", "days": 2, "unit": "C", "places": [{"exact": True}]}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ReplayServer(Bench(0)) as server:
        yield server.url


_clients: list[openai.OpenAI] = []


@pytest.fixture(autouse=True)
def clients_are_closed() -> Iterator[None]:
    """Or Python warns of their connections, in whatever test runs when it finds them."""
    yield
    while _clients:
        _clients.pop().close()


def client(url: str, path: str) -> openai.OpenAI:
    _clients.append(openai.OpenAI(base_url=f"{url}/{path}/v1", api_key="none", max_retries=0, timeout=60))
    return _clients[-1]


def asked(url: str, path: str, body: bytes | None = STREAM, **headers: str) -> tuple[int, str, bytes]:
    """(status, content type, body) of a response."""
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as connection:
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()


@pytest.fixture(scope="module")
def index(url: str) -> dict[str, Any]:
    listed: dict[str, Any] = json.loads(asked(url, "/index.json", None)[2])
    return listed


def test_the_index_has_a_base_url_for_each_sample_and_each_fault(index: dict[str, Any], url: str) -> None:
    assert {sample["name"] for sample in index["samples"]} == {
        path.stem for folder in ("clean", "broken") for path in (RECORDINGS / folder).glob("*.sse")
    }
    assert [fault["name"] for fault in index["faults"]] == every_fault()
    assert index["base_url"] == url
    known = {fault["name"]: fault for fault in index["faults"]}
    assert known["MD301"] | {"title": ""} == {
        "name": "MD301", "rule": "text-done-missing", "title": "", "sample": "text", "url": f"{url}/MD301/v1",
    }  # fmt: skip
    assert known["MD303"]["sample"] == "refusal"
    assert known["status=429"]["url"] == f"{url}/status=429/v1"


def test_a_browser_gets_a_page_and_a_program_json(url: str, index: dict[str, Any]) -> None:
    _, kind, page = asked(url, "/", None, Accept="text/html,*/*")
    assert kind.startswith("text/html")
    assert all(fault["url"].encode() in page for fault in index["faults"])
    assert json.loads(asked(url, "/", None)[2]) == index
    assert asked(url, "/", None, Host='localhost:1"><script>')[0] in (400, 421)


@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_is_played_and_breaks_its_rule_alone(code: str, url: str) -> None:
    status, _, body = asked(url, f"/{code}/v1/responses")
    assert status == 200
    found = check(body).findings
    assert code in {finding.code for finding in found}
    assert {f.code for f in found if f.severity is not Severity.NOTE} <= {code}


def test_each_sample_is_played_as_it_is(url: str) -> None:
    for sample in (*CLEAN, *BROKEN):
        body = asked(url, f"/{sample.stem}/v1/responses", b'{"stream":true}')[2]
        want = [(f.code, f.position) for f in check(sample.read_bytes()).findings]
        assert [(f.code, f.position) for f in check(body).findings] == want, sample.stem


def test_without_stream_the_whole_response_comes(url: str) -> None:
    response = client(url, "text").responses.create(model="my-model", input="hi", metadata={"a": "b"})
    assert (response.output_text, response.model, response.metadata) == ("Hello, world.", "my-model", {"a": "b"})
    assert asked(url, "/text/v1/responses", b'{"stream":false}')[1] == "application/json"
    assert json.loads(asked(url, "/ST709/v1/responses", b"{}")[2])["usage"] is None
    assert asked(url, "/status=503/v1/responses", b"{}")[0] == 503
    assert json.loads(asked(url, "/cut/v1/responses", b"{}")[2])["status"] == "completed"


@pytest.mark.parametrize("streamed", [True, False])
def test_the_tools_of_the_request_are_called(url: str, streamed: bool) -> None:
    responses = client(url, "tool-call").responses
    if streamed:
        with responses.stream(model="m", input="hi", tools=[TOOL]) as stream:
            (call,) = stream.get_final_response().output
    else:
        (call,) = responses.create(model="m", input="hi", tools=[TOOL]).output
    assert (call.type, call.name, json.loads(call.arguments)) == ("function_call", "forecast", FITTING)


def test_what_is_answered_keeps_to_the_protocol(url: str) -> None:
    request = {
        "stream": True,
        "model": "x",
        "tools": [SECOND, TOOL, {"type": "custom", "name": "patch"}],
        "tool_choice": {"type": "function", "name": "clock"},
    }
    for sample in CLEAN:
        body = asked(url, f"/{sample.stem}/v1/responses", json.dumps(request).encode())[2]
        serious = [f.message for f in check(body).findings if f.severity is not Severity.NOTE]
        assert serious == [], sample.stem
    calls = [e for e in events(url, "parallel-tool-calls", request) if e["type"] == "response.output_item.done"]
    assert {event["item"]["name"] for event in calls} == {"clock"}
    calls = [
        e
        for e in events(url, "parallel-tool-calls", request | {"tool_choice": "auto"})
        if e["type"] == "response.output_item.done"
    ]
    assert [event["item"]["name"] for event in calls] == ["clock", "forecast"]


def events(url: str, path: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    body = asked(url, f"/{path}/v1/responses", json.dumps(request).encode())[2].decode()
    return [json.loads(line.removeprefix("data: ")) for line in body.splitlines() if line.startswith("data: {")]


def test_the_result_of_a_call_gets_an_answer_in_text(url: str) -> None:
    result: Any = {"type": "function_call_output", "call_id": "call_1", "output": "21 °C"}
    response = client(url, "tool-call").responses.create(model="m", input=[result], tools=[TOOL])
    assert response.output_text == "Hello, world."


def test_a_request_that_forbids_calls_gets_none(url: str) -> None:
    response = client(url, "tool-call").responses.create(model="m", input="hi", tools=[TOOL], tool_choice="none")
    assert response.output_text == "Hello, world."


class Weather(BaseModel):
    """What a client wants to have."""

    city: str
    celsius: int


def test_a_text_has_the_format_of_the_request(url: str) -> None:
    responses = client(url, "text").responses
    parsed = responses.parse(model="m", input="hi", text_format=Weather).output_parsed
    with responses.stream(model="m", input="hi", text_format=Weather) as stream:
        assert stream.get_final_response().output_parsed == parsed == Weather(city="sample", celsius=1)


def test_an_answer_is_continued_retrieved_and_resumed(url: str) -> None:
    responses = client(url, "text").responses
    first = responses.create(model="m", input="hi")
    second = responses.create(model="m", input="more", previous_response_id=first.id)
    assert second.id != first.id
    assert second.previous_response_id == first.id
    assert responses.retrieve(second.id).output_text == "Hello, world."
    rest = list(responses.retrieve(second.id, stream=True, starting_after=9))
    assert [event.sequence_number for event in rest] == [10, 11, 12]
    with pytest.raises(openai.BadRequestError, match="'resp_0' was not sent by this bench"):
        responses.create(model="m", input="hi", previous_response_id="resp_0")
    with pytest.raises(openai.NotFoundError, match="no response 'resp_0' was sent by this bench"):
        responses.retrieve("resp_0")


def test_a_stream_that_was_cut_is_resumed(url: str) -> None:
    cut = client(url, "text/cut@6")
    seen = []
    with pytest.raises(openai.APIConnectionError):
        seen.extend(iter_of(cut, seen))
    id_ = seen[0].response.id
    rest = list(cut.responses.retrieve(id_, stream=True, starting_after=seen[-1].sequence_number))
    assert [event.sequence_number for event in (*seen, *rest)] == list(range(13))


def iter_of(cut: openai.OpenAI, seen: list[Any]) -> Iterator[Any]:
    for event in cut.responses.create(model="m", input="hi", stream=True):
        seen.append(event)
    yield from ()


def test_names_are_put_together(url: str) -> None:
    body = asked(url, f"/tool-call/{quote('AG604+keepalive-comments')}/v1/responses")[2]
    assert [finding.code for finding in check(body).findings] == ["AG604"]
    assert b": keepalive" in body
    (finding,) = check(asked(url, "/text/SC804@6/v1/responses")[2]).findings
    assert (finding.code, finding.position) == ("SC804", 6)
    assert asked(url, "/text/responses")[0] == 200  # a base URL without /v1


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/MD30/v1/responses", STREAM, 404, "there is no fault 'MD30'; did you mean MD3"),
        ("/txt/v1/responses", STREAM, 404, "there is no fault 'txt'; did you mean text"),
        ("/text/MD303/v1/responses", STREAM, 400, "it needs response.refusal.done"),
        ("/rechunk=utf8+MD303/v1/responses", STREAM, 404, "so does every other sample"),
        ("/text/tool-call/v1/responses", STREAM, 404, "a path names one sample, not text and tool-call"),
        ("/text/cut=9/v1/responses", STREAM, 400, "cut takes no argument"),
        ("/text/v1/responses", b"{", 400, "the body isn't JSON"),
        ("/text/v1/responses", b"[]", 400, "the body isn't a JSON object"),
        ("/text/v1/responses", b"[" * 100_000, 400, "the body isn't JSON"),
        ("/text/v1/responses", b'{"previous_response_id": []}', 400, "previous response [] was not sent by this bench"),
        ("/text/v1/embeddings", b"{}", 404, "there are POST responses"),
        ("/text/v1/responses", None, 404, "there are POST responses"),
        ("/text", None, 404, "there are POST responses"),
        ("/text/v1/responses/resp_x?stream=true", None, 404, "no response 'resp_x'"),
    ],
)
def test_a_bad_request_is_one_line(url: str, path: str, body: bytes | None, status: int, words: str) -> None:
    have, _, answer = asked(url, path, body)
    message = json.loads(answer)["error"]["message"]
    assert (have, words in message, "\n" in message) == (status, True, False), message


def test_nobody_else_is_answered(url: str) -> None:
    assert asked(url, "/", None, Host="evil.example")[0] == 421
    assert asked(url, "/text/v1/responses", STREAM, Origin="https://evil.example")[0] == 403
    assert asked(url, "/text/v1/responses", b" " * (17 << 20))[0] == 413


def test_the_models_are_listed(url: str) -> None:
    assert [model.id for model in client(url, "text").models.list()] == ["sample-1"]


def test_old_answers_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("responses_tap_viewer.actions.bench._MOST_REMEMBERED", 2)
    bench = Bench(0)
    for _ in range(3):
        bench(Asked("POST", "/text/v1/responses", {}, STREAM))
    with pytest.raises(Refused):
        bench(Asked("GET", "/text/v1/responses/resp_bench_1", {}))
    assert bench(Asked("GET", "/text/v1/responses/resp_bench_3", {})).status == 200


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["function", "custom", "#", "auto"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
_REQUEST = st.dictionaries(
    st.sampled_from(["tools", "tool_choice", "text", "input", "model", "metadata", "stream", "instructions"]),
    _JSON
    | st.lists(
        st.fixed_dictionaries({"type": st.sampled_from(["function", "custom"]), "name": _JSON, "parameters": _JSON})
    )
    | st.fixed_dictionaries({"format": st.fixed_dictionaries({"type": st.just("json_schema"), "schema": _JSON})}),
)
_BENCH = Bench(0)


@settings(max_examples=150)
@given(st.sampled_from(_BENCH.samples), _REQUEST)
def test_any_request_is_answered(sample: str, request: dict[str, Any]) -> None:
    assert _BENCH(Asked("POST", f"/{sample}/v1/responses", {}, json.dumps(request).encode())).status == 200


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (None, {}),
        ({}, {}),
        ({"type": "string", "minLength": 8, "maxLength": 9}, "samplexx"),
        ({"type": "string", "format": "date"}, "2026-01-31"),
        ({"type": ["number", "null"], "exclusiveMinimum": 3}, 4),
        ({"type": "integer", "maximum": 0}, 0),
        ({"type": "array", "items": {"type": "null"}, "minItems": 2}, [None, None]),
        ({"anyOf": [{"const": 5}, {"type": "string"}]}, 5),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"default": "x"}}}, "x"),
        ({"$ref": "#/none"}, {}),
        ({"type": "object", "properties": {"a": {"examples": [1, 2]}}}, {"a": 1}),
        ({"type": "array", "items": {"type": "null"}, "minItems": 10**9}, [None] * 999),
        ({"type": "string", "minLength": 10**9}, "sample" + "x" * 9994),
    ],
)
def test_a_value_is_invented_by_its_schema(schema: object, value: object) -> None:
    assert invented(schema) == value


def test_a_schema_that_refers_to_itself_ends() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert json.dumps(invented(node)).count("next") < 20
    wide = {"type": "object", "properties": {name: {"$ref": "#"} for name in "abcdefgh"}}
    assert len(json.dumps(invented(wide))) < 100_000
