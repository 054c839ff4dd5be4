"""Issues as reporters write them: streams in fences and prose, one beside another, cut off, or only named."""

import json
from collections.abc import Callable
from difflib import unified_diff
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN, RECORDINGS, events_of
from tests.paste_forms import FORMS, compact, node, sse

from responses_tap_viewer.cli import main

TEXT = events_of(RECORDINGS / "clean/text.sse")
MISSING = events_of(RECORDINGS / "broken/MD301-text-done-missing.sse")
NAMES = [event["type"] for event in TEXT]


def check(folder: Path, text: str) -> tuple[list[list[str]], str]:
    """The errors and warnings of each stream in an issue, and what is said of it."""
    (folder / "issue.md").write_text(text)
    result = CliRunner().invoke(main, ["check", str(folder / "issue.md"), "--format", "json"])
    streams = json.loads(result.stdout)["streams"]
    return [[f["code"] for f in s["findings"] if f["severity"] != "note"] for s in streams], result.stderr


def fenced(text: str, language: str = "") -> str:
    return f"```{language}\n{text.rstrip()}\n```\n"


SURROUNDED: dict[str, Callable[[str], str]] = {
    "a sentence above": lambda text: f"My server sends these, see the text:\n\n{text}",
    "a sentence above and below": lambda text: f"Here is the output:\n{text}\nAny idea?\n",
    "a page that lost its blank lines": lambda text: (
        "Output\n" + "".join(f"{line}\n" for line in text.splitlines() if line)
    ),
    "a fence": fenced,
    "a heading and a fence": lambda text: f"## Output\n\n{fenced(text, 'sse')}",
    "a fence in a list": lambda text: f"1. ```\n{text}   ```\n",
    "a script": lambda text: (
        "Script:\n\n"
        + fenced("\n".join(f"step_{n}()" for n in range(60)), "python")
        + fenced("for event in stream:\n    if event.type == 'response.completed':\n        stop()", "python")
        + f"\nOutput:\n\n{fenced(text)}"
    ),
}


@pytest.mark.parametrize("surround", SURROUNDED)
def test_a_server_is_not_to_blame_for_the_text_around_its_stream(surround: str, tmp_path: Path) -> None:
    found, said = check(tmp_path, SURROUNDED[surround](sse(TEXT)))
    assert found == [[]]
    assert "read as an event stream with other text around it, 13 events; no bytes, no times" in said
    found, said = check(tmp_path, SURROUNDED[surround](sse(TEXT[5:9])))
    assert found == [[]]
    assert "4 events; no bytes, no times; excerpt" in said


@pytest.mark.parametrize("first", [":", ": ping", "data:", "event:", "retry: 5", "1f4", "x-request-id: 7", "id"])
def test_a_body_is_no_text_around_itself(first: str, tmp_path: Path) -> None:
    found, said = check(tmp_path, f"{first}\n\n{sse(MISSING)}")
    assert [code for code in found[0] if not code.startswith("TR")] == ["MD301"]
    assert said == ""  # judged as the bytes of a server


@pytest.mark.parametrize("form", ["SDK repr", "dicts", "jq", "codex", "SSE lines, bytes"])
def test_events_count_and_not_the_scripts_beside_them(form: str, tmp_path: Path) -> None:
    found, _ = check(tmp_path, SURROUNDED["a script"](FORMS[form](MISSING)))
    assert found == [["MD301"]]


def test_streams_that_were_cut_are_not_mixed(tmp_path: Path) -> None:
    text = f"## Before\n{fenced(sse(TEXT[:4]))}\n## After\n{fenced(sse(MISSING))}"
    assert check(tmp_path, text)[0] == [["LC103"], ["MD301"]]


def test_a_stream_goes_on_in_the_next_fence(tmp_path: Path) -> None:
    text = f"It begins:\n{fenced(sse(MISSING[:5]))}\nand goes on:\n{fenced(sse(MISSING[5:]))}"
    assert check(tmp_path, text)[0] == [["MD301"]]


WITHOUT_PART = [name for name in NAMES if not name.startswith("response.content_part")]


@pytest.mark.parametrize("heading", ["## Expected", "It should send:", "The correct sequence is", "Suggested fix:"])
@pytest.mark.parametrize("show", [fenced, "{}\n".format], ids=["fence", "plain"])
def test_what_was_sent_is_judged_and_not_what_should_have_been(
    heading: str, show: Callable[[str], str], tmp_path: Path
) -> None:
    sent = show("\n".join(f"event: {name}" for name in WITHOUT_PART))
    wish = 'event: response.content_part.added\ndata: {"type": "response.content_part.added", "part": {}}'
    assert check(tmp_path, f"It sends:\n{sent}\n{heading}\n{show(wish)}")[0] == [["NS202"]]
    whole = show("\n".join(f"event: {name}" for name in NAMES))
    assert check(tmp_path, f"It sends:\n{sent}\n{heading}\n{whole}")[0] == [["NS202"], []]


@pytest.mark.parametrize("heading", ["But instead I get:", "**Actual**, not what I expected", "Received instead:"])
def test_what_came_instead_is_judged(heading: str, tmp_path: Path) -> None:
    text = f"I expected\n{fenced('\n'.join(NAMES))}\n{heading}\n{fenced('\n'.join(WITHOUT_PART[2:]))}"
    assert check(tmp_path, text)[0] == [[], ["LC101", "NS202"]]


def test_lists_in_an_issue_that_is_mostly_prose_are_read(tmp_path: Path) -> None:
    prose = "".join(f"Sentence {n} about response.content_part.added says little.\n" for n in range(40))
    listed = "".join(f"event: {name}\n" for name in WITHOUT_PART)
    assert check(tmp_path, prose + listed + prose)[0] == [["NS202"]]


def test_two_names_in_a_fence_are_a_list(tmp_path: Path) -> None:
    text = f"It sends:\n{fenced('response.output_text.delta\nresponse.completed')}\nIt should send:\n"
    assert check(tmp_path, text + fenced("\n".join(NAMES)))[0] == [["LC101", "NS201"], []]


@pytest.mark.parametrize("arrow", ["→", "->", "=>", "<-", "←", "#"])
def test_a_remark_may_follow_a_name(arrow: str, tmp_path: Path) -> None:
    lines = [f"event: {event['type']:<30} {arrow} at {event.get('output_index', 'the top')}" for event in MISSING]
    assert check(tmp_path, "\n".join(lines))[0] == [["MD301"]]


def test_the_report_that_this_project_began_with(tmp_path: Path) -> None:
    """ogx-ai/ogx#5309, in words of our own: two lists of two names, each between dots."""
    text = (
        "The order of a text should be:\n\n```\noutput_item.added → content_part.added → output_text.delta (xN) → "
        "output_text.done → content_part.done\n```\n\n**Expected**:\n```\n...\nresponse.output_text.delta (xN)\n"
        "response.output_text.done      ← the whole text\nresponse.content_part.done\n...\n```\n\n**Actual**:\n```\n"
        "...\nresponse.output_text.delta (xN)\n                          ← output_text.done MISSING\n"
        "response.content_part.done\n...\n```\n"
    )
    found, said = check(tmp_path, text)
    assert found == [["MD301"]]
    assert "excerpt, names only" in said


@pytest.mark.parametrize("form", ["SSE", "SDK repr", "dicts", "jq"])
@settings(max_examples=12, deadline=None)
@given(sample=st.sampled_from(CLEAN), data=st.data())
def test_an_issue_may_end_within_an_event(
    tmp_path_factory: pytest.TempPathFactory, form: str, sample: Path, data: st.DataObject
) -> None:
    events = events_of(sample)
    show = sse if form == "SSE" else FORMS[form]
    kept = data.draw(st.integers(0, len(events) - 2))
    whole, more = show(events[:kept]), show(events[: kept + 1])
    end = data.draw(st.integers(len(whole) + 20, len(more) - 4))
    begun = more[:end] if more.startswith(whole) else whole + show(events[kept : kept + 1])[: end - len(whole)]
    text = f"The output, cut:\n\n```\n{begun}"
    folder = tmp_path_factory.mktemp("issue")
    (folder / "issue.md").write_text(text)
    result = CliRunner().invoke(main, ["check", str(folder / "issue.md"), "--format", "json"])
    for stream in json.loads(result.stdout)["streams"]:
        assert [f for f in stream["findings"] if f["severity"] == "error"] == [], text


def test_names_without_data_count_beside_events(tmp_path: Path) -> None:
    names = "event: response.created\nevent: response.in_progress\n"
    last = 'event: response.completed\ndata: {"type": "response.completed", "response": {"id": "resp_1", ...}}\n'
    assert check(tmp_path, names + last)[0] == [[]]
    log = "".join(f"DEBUG {compact(event)}\n" for event in TEXT[2:])
    found, said = check(tmp_path, f"Log\n{names}{log}")
    assert found == [[]]
    assert "2 lines begin with an event and cannot be read (line 2)" in said


def test_one_event_in_a_text_is_a_quotation(tmp_path: Path) -> None:
    found, said = check(tmp_path, f"The last event is right:\n\n{fenced(json.dumps(TEXT[-1], indent=2), 'json')}")
    assert found == [[]]
    assert "excerpt" in said


def test_names_that_an_sdk_has_renamed_are_those_of_the_server(tmp_path: Path) -> None:
    def camel(value: Any) -> Any:
        if isinstance(value, list):
            return [camel(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        return {key.partition("_")[0] + key.title().replace("_", "")[len(key.partition("_")[0]) :]: camel(inner)
                for key, inner in value.items()}  # fmt: skip

    if (log := node([camel(event) for event in MISSING], "console.dir(e, {depth: null})")) is None:
        pytest.skip("there is no node")
    assert check(tmp_path, log)[0] == [["MD301"]]


@pytest.mark.parametrize("indent", [None, 2])
def test_an_event_with_an_error_is_an_event(indent: int | None, tmp_path: Path) -> None:
    sample = next(sample for sample in BROKEN if sample.name.startswith("SC809"))
    event = next(event for event in events_of(sample) if "error" in event and event["type"] != "error")
    found, _ = check(tmp_path, json.dumps(event, indent=indent))
    assert "SC809" in found[0]
    refused = {"type": "error", "status": 400, "error": {"code": "previous_response_not_found", "message": "gone"}}
    assert check(tmp_path, json.dumps(refused, indent=indent))[0] == [["LC104", "SC803"]]


ENDS = ("created", "completed", "failed", "incomplete")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "| event | when |\n|---|---|\n" + "".join(f"| `response.{how}` | so it ends |\n" for how in ENDS),
            "has no `data:` line",
        ),
        (
            "\n".join(f"A sentence of prose, the {n}." for n in range(20))
            + '\nevent: response.created\ndata: {"type": "response.created"}\n',
            "is text in which few lines are events; paste those alone",
        ),
        (
            fenced("const e = { type: 'response.created', response };", "js"),
            "has no `data:` line",
        ),
    ],
)
def test_what_is_about_events_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "issue.md").write_text(text)
    result = CliRunner().invoke(main, ["check", str(tmp_path / "issue.md")])
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


SENT = [event["type"] for event in MISSING]
EXPECTED = [event["type"] for event in MISSING]
EXPECTED.insert(SENT.index("response.content_part.done"), "response.output_text.done")

COMPARED: dict[str, str] = {
    "diff -u": "".join(unified_diff(*([f"{name}\n" for name in names] for names in (EXPECTED, SENT)), "a", "b")),
    "diff -u, the end": "".join(
        unified_diff(*([f"event: {name}\n" for name in names] for names in (EXPECTED, SENT)), "a", "b", n=2)
    ),
    "node": "+ actual - expected\n\n  [\n"
    + "\n".join(f"{'-' if name not in SENT else ' '}   '{name}'," for name in EXPECTED)
    + "\n  ]\n",
    "jest": "    - Expected  - 1\n    + Received  + 0\n\n      Array [\n"
    + "\n".join(f'    {"-" if name not in SENT else " "}   "{name}",' for name in EXPECTED)
    + "\n      ]\n",
    "mocha": "+ expected - actual\n\n" + "\n".join(f"{'+' if name not in SENT else ' '}   {name}" for name in EXPECTED),
    "pytest": f"E       AssertionError: assert {SENT} == {EXPECTED}\nE         At index 9 diff: 'a' != 'b'\n",
    "headings": f"Actual:\n{'\n'.join(SENT)}\n\nExpected:\n{'\n'.join(EXPECTED)}\n",
    "headings, cut": f"Expected\n\n{'\n'.join(EXPECTED)}\n\nActually sent\n\n{'\n'.join(SENT[2:])}\n",
    "a label": f"events: {','.join(SENT)}\n",
    "a label in brackets": f"Received types = [{', '.join(SENT)}]\n",
}


@pytest.mark.parametrize("how", COMPARED)
def test_of_what_is_compared_what_was_received_is_judged(how: str, tmp_path: Path) -> None:
    codes = [code for stream in check(tmp_path, COMPARED[how])[0] for code in stream]
    assert "MD301" in codes or (how == "headings, cut" and codes == ["LC101", "NS201"])
    assert not {"LC102", "LC105", "LC106"} & set(codes)


CHAT = "".join(f'data: {{"object": "chat.completion.chunk", "choices": [{{"delta": {{"content": "{n}"}}}}]}}\n\n'
               for n in range(3))  # fmt: skip
REALTIME = [
    {"type": "session.created", "event_id": "event_1", "session": {"object": "realtime.session"}},
    {"type": "response.created", "event_id": "event_2", "response": {"object": "realtime.response", "id": "resp_1"}},
    {"type": "response.output_text.delta", "event_id": "event_3", "response_id": "resp_1", "delta": "Hi"},
    {"type": "response.done", "event_id": "event_4", "response": {"object": "realtime.response", "id": "resp_1"}},
]


@pytest.mark.parametrize(
    "text",
    [
        f"The server answers with:\n\n{fenced(CHAT)}",
        f"$ curl localhost:8000/v1/responses\n{CHAT}",
        f"It sends\n{fenced('event: message_start\ndata: {"type": "message_start"}\n\n')}",
        "".join(f"{json.dumps(event)}\n" for event in REALTIME),
        "".join(f"{json.dumps(event)}\n" for event in REALTIME[1:]),
        f"From the socket:\n\n{fenced(json.dumps(REALTIME[1:], indent=2), 'json')}",
    ],
)
def test_a_stream_of_another_api_is_named_wherever_it_stands(text: str, tmp_path: Path) -> None:
    assert check(tmp_path, text)[0] == [["SC815"]]


def test_arguments_that_an_excerpt_shows_whole_are_compared(tmp_path: Path) -> None:
    events = events_of(RECORDINGS / "clean/tool-call.sse")
    begin = next(n for n, event in enumerate(events) if event["type"] == "response.output_item.added")
    done = next(event for event in events if event["type"] == "response.function_call_arguments.done")
    done["arguments"] = '{"other": 1}'
    assert "AG604" in check(tmp_path, "".join(f"DEBUG {compact(event)}\n" for event in events[begin:-1]))[0][0]
