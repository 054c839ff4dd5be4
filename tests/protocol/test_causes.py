"""One cause is one finding: what servers, gateways and proxies were reported for, and what must not be added to it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import RECORDINGS, body, events_of
from tests.exchanges import run

from responses_tap import Checker, check
from responses_tap.protocol.bodies import Head
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules import by_weight
from responses_tap.protocol.sse import decode

type Event = dict[str, Any]


def sample(name: str) -> list[Event]:
    return events_of(RECORDINGS / "clean" / f"{name}.sse")


def told(stream: bytes | list[Event], **options: Any) -> list[tuple[str, int]]:
    checker = Checker(**options)
    for frame in decode([stream if isinstance(stream, bytes) else body(*stream)]):
        checker.feed(frame)
    return [(finding.code, finding.count) for finding in checker.finish()]


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_a_terminal_event_called_done_is_the_one_that_its_status_names(status: str) -> None:
    events = sample("incomplete" if status == "incomplete" else "failed" if status == "failed" else "text")
    events[-1]["type"] = "response.done"
    report = check(events)
    assert [finding.code for finding in report.findings] == ["SC806"]
    assert report.responses[0].state == status


def test_keepalives_may_come_before_the_response() -> None:
    events = sample("text")
    waiting = [{"type": "keepalive", "sequence_number": n} for n in range(3)]
    assert told([*waiting, *(event | {"sequence_number": n + 3} for n, event in enumerate(events))]) == []


def test_what_lacks_a_type_and_has_an_error_explains_the_end() -> None:
    cut = body(*sample("text")[:6])
    assert told(cut + b'data: {"error": {"message": "reset"}}\n\ndata: [DONE]\n\n') == [("SC814", 1)]
    assert told(body({"type": "error", "message": "no", "sequence_number": 0})) == [("LC104", 1)]


def test_events_without_blank_lines_are_read_and_counted() -> None:
    events = sample("text")
    frames = [f"event: {event['type']}\ndata: {json.dumps(event)}\n" for event in events]
    assert told("".join(frames).encode() + b"\n") == [("TR914", len(events) - 1)]
    pretty = "".join(
        "".join(f"data: {line}\n" for line in json.dumps(event, indent=1).splitlines()) + "\n" for event in events
    )
    assert told(f"event: x\n\n{pretty}".encode().removeprefix(b"event: x\n\n")) == [("TR902", len(events))]


def test_halves_of_characters_are_no_other_text() -> None:
    events = events_of(RECORDINGS / "broken/AG613-split-character.sse")
    assert told(b"".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in events)) == [("AG613", 1)]


def test_garbage_is_counted_not_repeated() -> None:
    garbage = b"event: response.output_text.delta\ndata: {}\n\n" * 50
    found = told(body(*sample("text")[:6]) + garbage)
    assert ("TR904", 50) in found
    assert len(found) <= 3


@pytest.mark.parametrize(
    ("head", "code"),
    [(Head(200, ""), "TR906"), (Head(200, "text/plain"), "TR906"), (Head(200, "text/event-stream"), None)],
)
def test_a_stream_must_be_declared_where_headers_are_known(head: Head, code: str | None) -> None:
    assert [found for found, _ in told(sample("text"), head=head)] == ([code] if code else [])


@pytest.mark.parametrize("magic", [b"\x1f\x8b\x08\x00", b"\x28\xb5\x2f\xfd\x04"])
def test_a_body_that_is_compressed_and_does_not_say_so(magic: bytes) -> None:
    assert told(magic + bytes(40), head=Head(200, "text/event-stream")) == [("TR915", 1)]


def test_fields_that_may_be_null_are_missed_less_than_those_that_are_decoded() -> None:
    events = sample("text")
    for event in (events[0], events[-1]):
        del event["response"]["error"]
    (finding,) = check(events).findings
    assert (finding.code, finding.severity, finding.count) == ("SC810", Severity.WARNING, 2)
    del events[-1]["response"]["id"]
    assert [finding.severity for finding in check(events).findings] == [Severity.WARNING, Severity.ERROR]


def test_one_field_that_several_types_lack_is_one_finding() -> None:
    events = sample("reasoning-summary")
    for event in events:
        event.pop("summary_index", None)
    (finding,) = check(events).findings
    assert (finding.code, finding.message.partition(";")[0]) == ("SC801", "4 types lack summary_index")


def test_a_response_that_begins_while_another_runs_is_said_once() -> None:
    first = sample("text")
    second = json.loads(json.dumps(first).replace("resp_1", "resp_2"))
    assert told([*first[:5], *second]) == [("TR917", 1)]
    assert told([*first, *second]) == []  # a file that two streams were written into
    assert told([*first, *second], head=Head(200, "text/event-stream")) == [("TR917", 1)]


@pytest.mark.parametrize("tools", [[], [{"type": "mcp", "server_label": "a"}], [{"type": "function", "name": 7}]])
def test_tools_of_unknown_names_accuse_nobody(tools: list[Event]) -> None:
    events = sample("tool-call")
    for event in events:
        if "response" in event:
            event["response"]["tools"] = tools
    assert [code for code, _ in told(events) if code != "RQ002"] == []
    assert ("RQ002", 1) not in told(events) or tools[0]["type"] == "function"


def test_an_output_of_another_number_is_no_part_that_was_not_opened() -> None:
    events = sample("shell-output")
    deltas = [event for event in events if event["type"] == "response.shell_call_output_content.delta"]
    for n, event in enumerate(deltas):
        event["command_index"] = n + 3
    assert "NS202" not in dict(told(events))


@pytest.mark.parametrize("field", ["sequence_number", "output_index", "content_index", "created_at", "output_tokens"])
@pytest.mark.parametrize("times", [1, -1])
def test_an_integer_that_is_too_long_is_one_finding(field: str, times: int) -> None:
    stream = re.sub(
        rb'("%s": ?)\d+' % field.encode(), rb"\g<1>-" + b"9" * 6000, body(*sample("text")), count=max(times, 0)
    )
    ((code, _),) = told(stream)
    assert code == "TR903"
    (finding,) = check(stream).findings
    assert "an integer has 6001 digits" in finding.message
    assert check(stream).responses[0].state == "completed"


@pytest.mark.parametrize(
    ("after", "severity"), [([], Severity.WARNING), ([{"type": "response.output_text.delta"}], Severity.NOTE)]
)
def test_an_error_that_ends_a_stream_is_told_first_and_in_its_own_words(after: list[Event], severity: Severity) -> None:
    events = sample("text")[:6]
    del events[0]["response"]["error"]
    error = {"type": "error", "error": {"message": "failed to persist"}, "sequence_number": 6}
    rest = [events[4] | {"sequence_number": 7} for _ in after]
    findings = check([*events, error, *rest]).findings
    assert [(finding.code, finding.severity) for finding in findings] == [
        ("SC810", Severity.WARNING),
        ("LC104", severity),
    ]
    assert findings[1].text.endswith('(event 6) is not followed by response.failed: "failed to persist"')
    first = by_weight(findings)[0]
    assert first.code == ("SC810" if after else "LC104")


def test_what_stands_for_a_stream_is_what_ended_it_then_its_structure_then_its_form() -> None:
    lacking = sample("text")
    del lacking[0]["response"]["id"]
    lacking = [event for event in lacking if event["type"] != "response.output_text.done"]
    for number, event in enumerate(lacking):
        event["sequence_number"] = number
    found = by_weight(check(lacking).findings)
    assert [finding.code for finding in found][:2] == ["MD301", "SC810"]
    cut = by_weight(check(lacking[:-1]).findings)
    assert cut[0].code == "LC103"
    assert cut == sorted(cut, key=lambda finding: finding.severity is Severity.NOTE)


def test_a_field_that_is_wrong_or_missing_everywhere_is_one_finding() -> None:
    events = sample("text")
    for event in events:
        event.pop("logprobs", None)
        if "response" in event:
            event["response"]["created_at"] += 0.5
    assert told(events) == [("SC804", 3), ("SC802", 6)]


def test_lists_and_reports_show_what_ended_the_stream(tmp_path: Path) -> None:
    events = sample("text")[:6]
    del events[0]["response"]["error"]
    file, db = tmp_path / "cut.sse", tmp_path / "r.db"
    file.write_bytes(body(*events, {"type": "error", "message": "out of memory", "sequence_number": 6}))
    assert run("import", file, "--db", db).exit_code == 0
    assert "2 warnings, first LC104" in run("list", db).stdout
    for path in (file, db):
        assert "LC104" in run("export", path, "--format", "md").stdout.partition("\n")[0]
        html = run("export", path, "--format", "html").stdout
        assert 0 < html.index("(LC104)") < html.index("SC810 response-field-missing")
        junit = run("check", path, "--format", "junit", "--fail-on", "warning").stdout
        assert "LC104" in junit.partition("<failure")[2].partition(">")[0]


@pytest.mark.parametrize("field", ["content_index", "output_index"])
def test_a_negative_index_is_one_finding_however_many_events_have_it(field: str) -> None:
    events = sample("text")
    for event in events:
        if field in event:
            event[field] = -1
    (finding,) = check(events).findings
    assert (finding.code, finding.fields) == ("ID508", (field,))
    assert f"{field} is -1, expected" in finding.message
    assert finding.count == sum(field in event for event in events)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"item_id": 5}, "item_id is a number, expected a string"),
        ({"output_index": "0"}, "output_index is a string, expected a whole number"),
        ({"sequence_number": -4}, "sequence_number is -4, expected 0 or more"),
    ],
)
def test_a_wrong_type_is_told_in_the_words_of_json(change: Event, words: str) -> None:
    events = sample("text")
    events[4] |= change
    assert any(finding.code == "SC804" and finding.message.endswith(words) for finding in check(events).findings)
    events[4] = {**sample("text")[4], "delta": 7}
    assert "delta is a number, expected a string" in check(events).findings[0].message
    events = sample("text")
    events[3]["part"] = "text"
    assert "part is a string, expected an object" in check(events).findings[0].message


def test_items_of_unknown_types_are_never_in_the_wrong_place() -> None:
    for name in ("text", "reasoning-text", "tool-call", "web-search"):
        events = json.loads(json.dumps(sample(name)))
        for event in events:
            for item in (event.get("item"), *event.get("response", {}).get("output", [])):
                if item:
                    item["type"] = "mystery"
        codes = [code for code, _ in told(events)]
        assert not [code for code in codes if code.startswith("NS")], (name, codes)


def test_an_empty_value_is_quoted() -> None:
    events = sample("text")
    events[-1]["response"]["model"] = ""
    (finding,) = check(events).findings
    assert finding.message == 'response.model changed from "sample-1" to "" (event 12)'


@pytest.mark.parametrize(
    "frame",
    [
        b'event: error\ndata: {"message": "out of memory", "code": "x"}\n\n',
        b'event: error\ndata: {"detail": "out of memory"}\n\n',
        b"event: error\ndata: out of memory\n\n",
        b'data: {"detail": "out of memory"}\n\n',
        b'data: {"message": "out of memory", "code": 500}\n\n',
    ],
)
def test_an_error_in_whatever_form_explains_the_end(frame: bytes) -> None:
    cut = body(*sample("text")[:6])
    for end in (b"", b"data: [DONE]\n\n"):
        for stream in (cut + frame + end, frame + end):
            (finding,) = check(stream).findings
            assert finding.message == "an error was sent without a type: out of memory"


def test_a_usage_that_is_no_object_is_not_a_missing_one() -> None:
    events = sample("text")
    events[-1]["response"]["usage"] = "19 tokens"
    (finding,) = check(events).findings
    assert (finding.code, finding.message) == (
        "ST710",
        'response.usage is "19 tokens"; clients decode an object of integers',
    )


def _done(events: list[Event]) -> Event:
    return next(event["item"] for event in events if event["type"] == "response.output_item.done")


@pytest.mark.parametrize(
    ("name", "kind", "field"),
    [
        *(("text", "message", field) for field in ("id", "status", "role")),
        *(("text", "response", field) for field in ("id", "model")),
        *(("tool-call", "function_call", field) for field in ("arguments", "name", "call_id")),
        *(("custom-tool", "custom_tool_call", "input"), ("mcp", "mcp_call", "server_label")),
        *(("text", "output_text", "text"), ("refusal", "refusal", "refusal")),
        *(("reasoning-summary", "summary_text", "text"), ("reasoning-text", "reasoning_text", "text")),
    ],
)
def test_what_the_schema_has_as_a_string_is_told_once_where_it_is_none(name: str, kind: str, field: str) -> None:
    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        wrong = {field: 5} if kind in (value.get("type"), value.get("object")) and field in value else {}
        return {key: changed(inner) for key, inner in value.items()} | wrong

    report = check([changed(event) for event in sample(name)])
    (finding,) = (finding for finding in report.findings if finding.code == "SC804")
    assert f".{field} is a number, expected a string" in finding.message
    assert finding.fields[0].endswith(f".{field}")
    assert finding.count > 1


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("ping", ["TR912", "MD301"]),
        ("", ["TR912", "MD301"]),
        ("response.output_text.done", ["TR912"]),  # which is what is missed
    ],
)
def test_a_keepalive_explains_nothing_that_is_missing(name: str, codes: list[str]) -> None:
    events = events_of(RECORDINGS / "broken/MD301-text-done-missing.sse")
    for place in (0, 4, 9):
        stream = body(*events[:place]) + f"event: {name}\n\n".encode() + body(*events[place:])
        assert sorted(code for code, _ in told(stream)) == sorted(codes)
    said = {found.code: found.message for found in check(f"event: {name}\n\n".encode() + body(*events)).findings}
    what = f"SSE event {name}" if name else "an SSE event without a name"
    assert said["TR912"].partition(";")[0] == f"{what} before event 0 has no data"


def test_numbers_that_are_strings_are_not_missing() -> None:
    events = [event | {"sequence_number": str(event["sequence_number"])} for event in sample("text")]
    assert told(events) == [("SC804", len(events))]


def test_a_response_that_is_created_late_is_created_once() -> None:
    created, in_progress, *rest = sample("text")
    (finding,) = check([in_progress | {"sequence_number": 0}, created | {"sequence_number": 1}, *rest]).findings
    assert (finding.code, finding.position) == ("LC101", 0)
    assert finding.message.endswith("; it comes late (event 1)")


@pytest.mark.parametrize(
    ("name", "field", "value", "code"),
    [
        ("text", "content", [], "AG603"),
        ("reasoning-summary", "summary", [], "AG603"),
        ("text", "content", None, "SC811"),
        ("tool-call", "arguments", None, "SC811"),
        ("tool-call", "arguments", '{"other":1}', "AG603"),
        ("text", "content", "Hello there!", "SC804"),
    ],
)
def test_a_terminal_item_may_equal_what_was_streamed_or_what_was_done(
    name: str, field: str, value: object, code: str
) -> None:
    events = sample(name)
    _done(events)[field] = value
    assert [found for found, _ in told(events)] == [code]
    both = sample(name)
    _done(both)[field] = both[-1]["response"]["output"][0][field] = value
    assert [found for found, _ in told(both)] == [code]


def test_a_part_more_than_was_streamed_is_told_of_the_item_that_has_it() -> None:
    more = {"type": "output_text", "text": "more", "annotations": [], "logprobs": []}
    for is_repeated in (False, True):
        events = sample("text")
        _done(events)["content"].append(more)
        if is_repeated:
            events[-1]["response"]["output"][0]["content"].append(more)
        (finding,) = check(events).findings
        assert (finding.code, finding.fields) == ("MD309", ("item.content[1]",))
        assert "content[1] of output[0] (4 characters) came without any deltas" in finding.message


@pytest.mark.parametrize(
    ("name", "severity"), [("text", "warning"), ("reasoning-summary", "note"), ("reasoning-text", "note")]
)
def test_a_text_that_only_its_item_has_is_told(name: str, severity: str) -> None:
    events = [
        event
        for event in sample(name)
        if "part" not in event["type"] and not event["type"].endswith(("text.delta", "text.done"))
    ]
    for number, event in enumerate(events):
        event["sequence_number"] = number
    (finding,) = [finding for finding in check(events).findings if finding.severity == severity]
    assert (finding.code, finding.severity) == ("MD309", severity)


@pytest.mark.parametrize(
    ("frame", "api"),
    [
        (b'data: {"type": "session.created", "event_id": "e", "session": {}}\n\n', "the Realtime API"),
        (b'data: {"model": "m", "created_at": "2026", "message": {"content": "x"}, "done": false}\n\n', "Ollama"),
        (b'data: {"model": "m", "created_at": "2026", "response": "x", "done": false}\n\n', "Ollama"),
        (b'data: {"type": "text-delta", "id": "0", "delta": "x"}\n\n', "the AI SDK's UI"),
        (b'data: {"type": "content-delta", "index": 0, "delta": {}}\n\n', "Cohere"),
        (b'data: {"contentBlockDelta": {"delta": {"text": "x"}, "contentBlockIndex": 0}}\n\n', "Bedrock Converse"),
    ],
)
def test_a_stream_of_another_api_is_named(frame: bytes, api: str) -> None:
    (finding,) = check(frame * 3).findings
    assert finding.message.startswith(f"these are events of {api}, not of the Responses API")


def test_deltas_that_were_replayed_are_told_with_what_came_of_it() -> None:
    events = sample("text")
    replayed = [*events[:8], *events[5:8], *events[8:]]
    assert told(replayed) == [("ID510", 1), ("AG601", 1)]
    assert told([*events[:8], events[7], *events[8:]]) == [("AG601", 1)]
