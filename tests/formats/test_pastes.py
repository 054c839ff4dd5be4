"""What people paste: each form is read as what it is, and found as right or wrong as the stream was."""

import io
import json
import re
import warnings
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN, RECORDINGS, events_of
from tests.paste_forms import ENCODINGS, FORMS, compact, in_terminal, node, sse

from responses_tap.formats import UnrecognizedFormat
from responses_tap.formats.recognition import recognise
from responses_tap.protocol.checker import Checker
from responses_tap.protocol.events import parse
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import Lack, unasked
from responses_tap.protocol.sse import decode
from responses_tap.store import open_recording
from responses_tap.stream.model import Stream
from responses_tap_viewer.cli import main

TEXT = RECORDINGS / "clean/text.sse"
MISSING = RECORDINGS / "broken/MD301-text-done-missing.sse"
PYTHON = ("SDK", "dicts", "pytest", "Ruby")
"""Forms in which None stands for what was null and for what did not come."""


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)


def paste(content: bytes) -> Stream:
    (found,) = recognise(io.BytesIO(content)).streams
    assert isinstance(found, Stream)
    return found


def findings(content: bytes) -> tuple[list[Finding], frozenset[Lack]]:
    imported = paste(content)
    checker = Checker(framed=imported.framed, lacks=imported.lacks)
    for taken in imported.frames:
        checker.feed(taken.frame)
    return checker.finish(cut=imported.is_cut), imported.lacks


def told(found: list[Finding], lacks: Collection[Lack] = ()) -> list[tuple[str, int | None]]:
    return [(f.code, f.position) for f in found if not f.code.startswith(unasked(lacks))]


def readable_events(sample: Path) -> list[dict[str, Any]]:
    """The events of a sample that a paste shows to be such."""
    parsed = [parse(frame.data) for frame in decode([sample.read_bytes()]) if frame.data]
    return [e.data for e in parsed if e.flaw is None and (e.row is not None or "sequence_number" in e.data)]


def alone(events: list[dict[str, Any]]) -> bytes:
    return "".join(f"{json.dumps(event)}\n" for event in events).encode()


def codes(result: Result) -> list[str]:
    assert result.exit_code < 2, result.stderr
    return [finding["code"] for stream in json.loads(result.stdout)["streams"] for finding in stream["findings"]]


# What no paste can show: no event, half a character, events of another API, an id longer than a line of rich.
_UNPASTED = ("LC110", "AG613", "ID518", "SC815")


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=4, deadline=None)
@given(sample=st.sampled_from([*CLEAN, *(sample for sample in BROKEN if not sample.name.startswith(_UNPASTED))]))
def test_a_stream_in_any_form_gives_the_findings_of_the_stream(form: str, sample: Path) -> None:
    events = readable_events(sample)
    want, _ = findings(alone(events))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydantic's, for the models of broken events
        text = FORMS[form](events)
    found, lacks = findings(text.encode(errors="replace"))
    assert lacks == frozenset()
    if form.startswith(PYTHON):
        # None is what did not come, so that a null is not told from it; what a model adds to a response is there.
        null = {"SC801", "SC804", "SC810"}
        assert [f for f in told(found) if f[0] not in null] == [f for f in told(want) if f[0] not in null]
        assert len(found) <= len(want)
    else:
        assert told(found) == told(want)


# What is copied from a page, or has colours, was never in a terminal as it is here; rich and mails break lines, too.
_ELSEWHERE = re.compile(r"web page|escaped twice|coloured|rich|Ruby|quotes|wrapped|pydantic's str")
_IN_A_TERMINAL = [form for form in FORMS if not _ELSEWHERE.search(form)]
LONG = 'The "quick" brown fox, it\'s said, jumps over the lazy dog: again and again, 日本語の文章です. ' * 4


def with_long_texts(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of a stream whose text is one long delta."""
    first = next(e for e in events if e["type"] == "response.output_text.delta")
    events = [e for e in events if e["type"] != first["type"] or e is first]
    text = json.dumps("Hello, world.")
    long = json.loads(json.dumps(events).replace(text, json.dumps(LONG)))
    numbered = [event | {"sequence_number": number} for number, event in enumerate(long)]
    return [event | {"delta": LONG} if event["type"] == first["type"] else event for event in numbered]


@pytest.mark.parametrize("form", _IN_A_TERMINAL)
@settings(max_examples=4, deadline=None)
@given(columns=st.integers(60, 240), sample=st.sampled_from([TEXT, MISSING]), is_long=st.booleans())
def test_a_terminal_of_any_width_accuses_nobody(form: str, columns: int, sample: Path, is_long: bool) -> None:
    events = with_long_texts(events_of(sample)) if is_long else events_of(sample)
    found, lacks = findings(in_terminal(FORMS[form](events), columns).encode())
    assert set(told(found)) <= set(told(findings(alone(events))[0]))
    if not lacks:
        assert told(found) == told(findings(alone(events))[0])


@pytest.mark.parametrize("form", ["SDK repr", "codex", "dicts", "websocat", "docker logs -t", "fence"])
def test_lines_that_a_terminal_broke_are_joined(form: str) -> None:
    for columns in (80, 120):
        for sample in (TEXT, MISSING):
            events = with_long_texts(events_of(sample))
            found, lacks = findings(in_terminal(FORMS[form](events), columns).encode())
            assert (lacks, told(found)) == (frozenset(), told(findings(alone(events))[0]))


@pytest.mark.parametrize("form", ["SDK repr, rich", "SDK repr, rich at 120", "SDK repr, rich text", "mail, wrapped"])
def test_lines_that_were_broken_between_words_are_joined(form: str) -> None:
    for sample in (TEXT, MISSING):
        events = with_long_texts(events_of(sample))
        found, lacks = findings(FORMS[form](events).encode())
        assert (lacks, told(found)) == (frozenset(), told(findings(alone(events))[0]))


def test_an_event_that_cannot_be_read_is_said_to_be_left_out(tmp_path: Path) -> None:
    lines = [f"10:00:00 DEBUG {compact(event)}" for event in events_of(TEXT)]
    lines[-1] = lines[-1].replace(":[", ":[=")
    (tmp_path / "a.log").write_text("\n".join(lines))
    result = run("check", tmp_path / "a.log", "--format", "json")
    assert codes(result) == []
    assert "events left out; rules not asked" in result.stderr


def test_a_server_that_breaks_its_own_lines_is_found(tmp_path: Path) -> None:
    body = TEXT.read_bytes().replace(b"Hello, world.", b"Hello,\nworld.")
    (tmp_path / "a.sse").write_bytes(body)
    assert "TR903" in codes(run("check", tmp_path / "a.sse", "--format", "json"))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", ["SDK repr", "codex", "jq", "docker json-file"])
def test_an_encoding_changes_nothing(form: str, encoding: str) -> None:
    text = FORMS[form](events_of(MISSING))
    assert told(findings(ENCODINGS[encoding](text))[0]) == told(findings(text.encode())[0])
    assert told(findings(ENCODINGS[encoding](sse(events_of(MISSING))))[0]) == [("MD301", 9)]


@pytest.mark.parametrize(
    ("code", "lacks"),
    [
        ("console.log(e)", {Lack.SHORTENED, Lack.SNAPSHOTS}),
        ("console.log('event:', e)", {Lack.SHORTENED, Lack.SNAPSHOTS}),
        ("console.log('%o', e)", {Lack.SHORTENED, Lack.SNAPSHOTS}),
        ("console.dir(e, {depth: null})", set()),
        ("console.log(require('util').inspect(e, {depth: null, colors: true, compact: false}))", set()),
        ("console.log('%s %j', e.type, e)", set()),
    ],
)
@pytest.mark.parametrize("sample", [TEXT, MISSING, RECORDINGS / "clean/tool-call.sse"], ids=lambda path: path.stem)
def test_what_node_prints_is_read(sample: Path, code: str, lacks: set[Lack]) -> None:
    events = events_of(sample)
    text = node(events, code)
    if text is None:
        pytest.skip("needs node")
    found, have = findings(text.encode())
    assert have <= lacks
    assert told(found) == told(findings(alone(events))[0], have)


NODE = """\
event: {
  type: 'response.completed',
  response: {
    id: 'resp_1',
    text: { format: [Object] },
    instructions: 'it\\'s\\n' +
      'long',
    output: [ [Object], ... 2 more items ],
    usage: undefined,
    user: Foo { a: 1 }
  },
  sequence_number: 3
}
"""


def test_what_node_leaves_out_is_no_fault_of_the_server(tmp_path: Path) -> None:
    created = compact(events_of(TEXT)[0])
    (tmp_path / "a.txt").write_text(f"{created} \n{NODE}")
    result = run("check", tmp_path / "a.txt", "--format", "json")
    assert codes(result) == ["ID511"]
    assert "shortened snapshots; rules not asked: AG605" in result.stderr


def test_check_import_and_show_say_how_a_paste_was_read(tmp_path: Path) -> None:
    file, db = tmp_path / "a.txt", tmp_path / "a.db"
    file.write_text(FORMS["SDK repr"](events_of(MISSING)))
    line = f"responses-tap: {file} read as Python repr of SDK events, 12 events; no bytes, no times\n"
    checked = run("check", file, "--format", "json")
    assert (codes(checked), checked.exit_code, checked.stderr) == (["MD301"], 1, line)
    assert run("show", file).stderr == line
    imported = run("import", file, "--db", db)
    assert (imported.exit_code, imported.stderr) == (0, line)
    assert imported.stdout == f"{file}: Python repr of SDK events → {db}#1\n"
    with open_recording(db) as recording:
        assert [finding.code for finding in recording.findings(1)] == ["MD301"]


def test_a_finding_names_the_line_of_the_paste(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text(FORMS["mitmdump"](events_of(MISSING)))
    annotation = run("check", file, "--format", "github").stdout
    line = int(annotation.partition("line=")[2].partition(",")[0])
    assert "response.content_part.done" in file.read_text().splitlines()[line - 1]


SHORTENED = [
    '{"type":"response.created","response":{"id":"resp_1","obj...}',
    '{"type":"response.created","response":{"id":"resp_1",...}}',
    '{"type":"response.created","response":{...},"sequence_number":0}',
    '{"type":"response.created","response":{"id":"resp_1", … }, "sequence_number":0}',
    '{"type":"response.created","response":{"id":"resp_1", [truncated]',
    '{"type":"response.created","response":<snip>}',
    '{"type":"response.created","response":{"id":"resp_1", /* the usual */ },"sequence_number":0}',
]


@pytest.mark.parametrize("created", SHORTENED)
@pytest.mark.parametrize(
    "form", [lambda line: f"data: {line}\n\n", lambda line: f"{line}\n", lambda line: f"> {line}\n"]
)
def test_what_a_reporter_shortened_accuses_nobody(created: str, form: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    for sample, want in ((TEXT, []), (MISSING, ["MD301"])):
        file.write_text("".join(map(form, [created, *map(compact, events_of(sample)[1:])])))
        result = run("check", file, "--format", "json")
        assert codes(result) == want
        assert "shortened" in result.stderr


@pytest.mark.parametrize(
    "mark",
    [
        *("...", "…", "[...]", "... +12 more deltas", "<snip>", "... (truncated)", "--- snip ---", "*snip*"),
        *("[12 more deltas]", "(12 more deltas)", "# ...", "// ...", "...truncated...", "<!-- snip -->", "etc."),
        *("⋮", ". . .", "[cut]", "... and so on", "(repeated)", "… +12 lines (ctrl+r to expand)"),
    ],
)
def test_deltas_that_were_left_out_are_not_missed(mark: str, tmp_path: Path) -> None:
    lines = [f"data: {compact(event)}" for event in events_of(MISSING)]
    lines[6:8] = [mark]
    (tmp_path / "a.txt").write_text("\n\n".join(lines) + "\n\n")
    result = run("check", tmp_path / "a.txt", "--format", "json")
    assert codes(result) == ["MD301"]
    assert "deltas left out" in result.stderr


def test_events_that_were_left_out_are_not_missed(tmp_path: Path) -> None:
    lines = [compact(event) for event in events_of(TEXT)]
    (tmp_path / "a.txt").write_text("\n".join([*lines[:7], "...", *lines[11:]]))
    result = run("check", tmp_path / "a.txt", "--format", "json")
    assert codes(result) == []
    assert "events left out" in result.stderr


@settings(max_examples=60, deadline=None)
@given(sample=st.sampled_from(CLEAN), data=st.data())
def test_no_excerpt_of_a_clean_stream_is_accused(
    tmp_path_factory: pytest.TempPathFactory, sample: Path, data: st.DataObject
) -> None:
    events = events_of(sample)
    start = data.draw(st.integers(0, len(events) - 1))
    end = data.draw(st.integers(start + 1, len(events)))
    file = tmp_path_factory.mktemp("excerpt") / "a.sse"
    file.write_text(sse(events[start:end]))
    result = run("check", "--excerpt", file, "--format", "json")
    report = json.loads(result.stdout)
    assert [f for s in report["streams"] for f in s["findings"] if f["severity"] != "note"] == []
    assert "excerpt; rules not asked: ID512, LC101, LC103, TR911" in result.stderr
    log = "".join(f"{compact(event)} <- in\n" for event in events[start:end])
    if start > 0 and end < len(events) and "response." in log and '"error"' not in log:
        assert findings(log.encode())[1] == {Lack.EXCERPT}
        assert [f for f in findings(log.encode())[0] if f.severity != "note"] == []


def test_an_excerpt_still_shows_what_it_shows(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("".join(f"DEBUG {compact(event)}\n" for event in events_of(MISSING)[2:-1]))
    assert codes(run("check", tmp_path / "a.txt", "--format", "json")) == ["MD301"]


NAMES: dict[str, Callable[[list[str]], str]] = {
    "plain": "\n".join,
    "event lines": lambda names: "\n".join(f"event: {name}" for name in names),
    "bullets": lambda names: "Seen:\n\n" + "\n".join(f"- `{name}`" for name in names),
    "numbered": lambda names: "\n".join(f"{n}. {name}" for n, name in enumerate(names, 1)),
    "numbers alone": lambda names: "\n".join(f"{n:3} {name}" for n, name in enumerate(names)),
    "times": lambda names: "\n".join(f"[12:00:0{n % 10}.123] {name}" for n, name in enumerate(names)),
    "arrows": " → ".join,
    "arrows over lines": " ->\n".join,
    "counts": lambda names: "\n".join(f"{name} × {count}" for name, count in _runs(names)),
    "counts in brackets": lambda names: "\n".join(f"{name} (x{count})" for name, count in _runs(names)),
    "uniq -c": lambda names: "\n".join(f"{count:7} {name}" for name, count in _runs(names)),
    "short": lambda names: "\n".join(name.removeprefix("response.") if name.count(".") > 1 else name for name in names),
    "quoted": lambda names: "\n".join(f"> {name}" for name in names),
    "commas": ", ".join,
    "commas and code": lambda names: ", ".join(f"`{name}`" for name in names),
    "a list of JSON": json.dumps,
    "a list of Python": repr,
    "short arrows": lambda names: " → ".join(name.removeprefix("response.") for name in names),
    "a table": lambda names: "| # | event |\n|---|---|\n" + "\n".join(f"| {n} | `{x}` |" for n, x in enumerate(names)),
    "fields": lambda names: "\n".join(f"{name:<50} item.type=message" for name in names),
    "log lines": lambda names: "\n".join(f"2026-09-01 10:00:00 INFO app: event {name}" for name in names),
    "numbers and fields": lambda names: "\n".join(f"seq={n} type={name}" for n, name in enumerate(names)),
    "times before": lambda names: "\n".join(f"+{n * 12}ms {name}" for n, name in enumerate(names)),
    "times after": lambda names: "\n".join(f"{name} 10:00:00.123" for name in names),
    "repr of types": lambda names: "\n".join(f"type='{name}'" for name in names),
    "fence": lambda names: "The server sends\n\n```\n" + "\n".join(names) + "\n```\n\nand that is all it sends.\n",
}


def _runs(names: list[str]) -> list[tuple[str, int]]:
    runs: list[tuple[str, int]] = []
    for name in names:
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + 1)
        else:
            runs.append((name, 1))
    return runs


@pytest.mark.parametrize("form", NAMES)
def test_a_list_of_names_shows_what_names_can_show(form: str) -> None:
    for sample in CLEAN:
        events = events_of(sample)
        if len(events) > 5 and sample.stem != "resumed":  # which only its snapshots show
            found, lacks = findings(NAMES[form]([event["type"] for event in events]).encode())
            assert (Lack.NAMES in lacks, [f.code for f in found if f.severity != "note"]) == (True, []), sample
    names = [event["type"] for event in events_of(MISSING)]
    assert told(findings(NAMES[form](names).encode())[0]) == [("MD301", 9)]


def test_a_name_that_is_listed_as_missing_is_missing(tmp_path: Path) -> None:
    names = [f"- {event['type']}" for event in events_of(TEXT)]
    names[9] += "   <-- never sent!"
    (tmp_path / "a.txt").write_text("\n".join(names))
    result = run("check", tmp_path / "a.txt", "--format", "json")
    assert codes(result) == ["MD301"]
    assert "read as names of events, 12 events" in result.stderr


@pytest.mark.parametrize(
    "line",
    [
        "{} {}",
        "{}: {!r}",
        "{n}: {} {}",
        "[12:00:0{n}.123] {} {}",
        "2026-11-29 09:00:00.123 | INFO | app.agent:run:42 - {} {}",
    ],
)
def test_the_names_of_events_with_their_texts_are_a_list(line: str) -> None:
    for sample in (MISSING, TEXT):
        events = events_of(sample)
        lines = [line.format(e["type"], e.get("delta", ""), n=n % 10) for n, e in enumerate(events)]
        for log in ("\n".join(lines), "\n".join(map(str.strip, lines))):
            found, lacks = findings(log.encode())
            assert (told(found), lacks) == ([("MD301", 9)] if sample == MISSING else [], {Lack.NAMES})


def test_a_line_that_begins_with_an_event_and_is_none_is_told(tmp_path: Path) -> None:
    lines = [event["type"] for event in events_of(TEXT)]
    lines[9] += " what is this"
    lines[1] += " what is this"
    (tmp_path / "a.txt").write_text("\n".join(lines))
    result = run("check", tmp_path / "a.txt")
    assert "12 events; 1 line begins with an event and cannot be read (line 2)" in result.stderr
    assert "events left out" in result.stderr


def test_deltas_of_which_only_the_text_is_shown_are_told(tmp_path: Path) -> None:
    events = events_of(TEXT)
    shown = [f"{e['type']} some text" if "delta" in e else compact(e) for e in events]
    (tmp_path / "a.txt").write_text("\n".join(shown))
    result = run("check", tmp_path / "a.txt")
    count = sum("delta" in event for event in events)
    assert f"{count} lines begin with an event and cannot be read (line 5)" in result.stderr
    assert result.exit_code == 0


def test_two_lists_are_two_responses(tmp_path: Path) -> None:
    lists = ["\n".join(event["type"] for event in events_of(sample)) for sample in (MISSING, TEXT)]
    (tmp_path / "a.txt").write_text("Before\n\n{}\n\nAfter\n\n{}\n".format(*lists))
    streams = json.loads(run("check", tmp_path / "a.txt", "--format", "json").stdout)["streams"]
    assert [[f["code"] for f in stream["findings"]] for stream in streams] == [["MD301"], []]


@pytest.mark.parametrize(
    "table",
    [
        lambda rows: "OpenAI                       Ours\n" + "\n".join(f"{left:<40}{right}" for left, right in rows),
        lambda rows: "| OpenAI | Ours |\n|---|---|\n" + "\n".join(f"| {left} | {right} |" for left, right in rows),
    ],
)
def test_lists_side_by_side_are_two_responses(table: Callable[[list[tuple[str, str]]], str], tmp_path: Path) -> None:
    right, wrong = ([event["type"] for event in events_of(sample)] for sample in (TEXT, MISSING))
    (tmp_path / "a.txt").write_text(table(list(zip(right, [*wrong[:9], "", *wrong[9:]], strict=True))))
    streams = json.loads(run("check", tmp_path / "a.txt", "--format", "json").stdout)["streams"]
    assert [[f["code"] for f in stream["findings"]] for stream in streams] == [[], ["MD301"]]


def dumped(event: dict[str, Any], created_at: float) -> dict[str, Any]:
    """The event as the Python SDK's models write it: times as floats, the type last."""
    shown = {key: value for key, value in event.items() if key != "type"} | {"type": event["type"]}
    if "response" in event:
        shown["response"] = event["response"] | {"created_at": created_at}
    return shown


LOGS: dict[str, Callable[[str], str]] = {
    "JSON lines": str,
    "loguru": "2026-11-29 09:00:00.123 | INFO | app.agent:run:42 - {}".format,
    "docker": "agent-1  | 2026-11-29T09:00:00.123456789Z {}".format,
    "Kubernetes": lambda line: json.dumps({"log": f"{line}\n", "stream": "stdout"}),
    "structlog": '{{"level": "info", "msg": "got event", "event": {}}}'.format,
    "structlog of texts": lambda line: json.dumps({"level": "info", "event": "sse", "payload": line}),
}


@pytest.mark.parametrize("log", LOGS)
def test_floats_of_the_sdks_models_are_not_the_servers(log: str) -> None:
    events = [dumped(event, 1700000000.0) for event in events_of(MISSING)]
    assert told(findings("\n".join(LOGS[log](json.dumps(event)) for event in events).encode())[0]) == [("MD301", 9)]
    assert told(findings(json.dumps(events).encode())[0]) == [("MD301", 9)]


def test_floats_that_the_server_sent_are_reported() -> None:
    events = events_of(TEXT)
    models = [dumped(event, 1700000000.0) for event in events]
    lines = [f"data: {json.dumps(event)}\n\n" for event in models]
    logs = [
        "".join(lines),
        "".join(f"12:00:00 DEBUG app: {line}" for line in lines),
        "".join(f"{json.dumps({'level': 'info', 'payload': line})}\n" for line in lines),
        "".join(f"{json.dumps(dumped(event, 1700000000.5))}\n" for event in events),
        "".join(f"{json.dumps({'type': event['type']} | event)}\n" for event in models),
    ]
    for log in logs:
        assert "SC804" in [f.code for f in findings(log.encode())[0]], log[:100]


def test_a_trace_that_shows_each_event_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    levels = ("tungstenite: received", "codex_api::ws: event:")
    file.write_text(
        "".join(f"2026-09-01T10:00:00Z TRACE {level} {compact(e)}\n" for e in events_of(MISSING) for level in levels)
    )
    assert codes(run("check", file, "--format", "json")) == ["MD301"]


def test_an_event_that_came_twice_is_found(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("".join(f"10:00:00 INFO {compact(e)}\n" for e in events_of(TEXT) for _ in range(2)))
    assert "ID510" in codes(run("check", file, "--format", "json"))


EXEC = '{"type":"thread.started","thread_id":"1"}\n{"type":"turn.completed","usage":{"input_tokens":1}}\n'
SDK_LOG = "[2026-09-01 10:00:00 - openai._base_client:482 - DEBUG] Request options: {'method': 'post'}\n"
TRACE = 'Traceback (most recent call last):\n  File "a.py", line 3, in <module>\nKeyError: 1\n'


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (EXEC.encode(), "has Codex's own events, not those of the API; record them with `responses-tap record --"),
        (SDK_LOG.encode(), "is a debug log of an OpenAI SDK, which has requests but no events; record them"),
        (TRACE.encode(), "is a stack trace without events; record them"),
        (b"TypeError: x\n    at f (file:///a.mjs:3:12)\n    at g (b.js:1:1)\n", "is a stack trace"),
        (b"<class 'openai.types.responses.ResponseCreatedEvent'>\n" * 3, "has the names of an SDK's classes"),
        (b"OpenAI.Responses.StreamingResponseCreatedUpdate\n", "has the names of an SDK's classes"),
        (b"Array\n(\n    [type] => response.created\n)\n", "print each by json_encode"),
        (b"event [object Object]\nevent [object Object]\n", "print each event"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "is a picture (PNG); paste the text"),
        (b"We handle response.created and wait for response.completed.\n", "has no `data:` line"),
        (b"- `response.created`: it begins\n- `response.completed`: it ends\n- `error`: it fails\n", "has no `data:`"),
        (
            b"if event.type == 'response.created':\n    yield {'type': 'response.created', 'response': r}\n",
            "no `data:`",
        ),
        (
            b"const e = { type: 'response.created', response };\nsend({ ...e, type: 'response.completed' });\n",
            "no `data:`",
        ),
    ],
)
def test_what_is_no_paste_is_refused_by_its_name(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    result = run("check", tmp_path / "a")
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_no_text_of_this_project_passes_for_a_stream() -> None:
    texts = [path.read_bytes() for root in ("addon", "viewer") for path in (RECORDINGS.parent / root).rglob("*.py")]
    for text in (text for text in texts if b'"response.' in text):
        with pytest.raises(UnrecognizedFormat):
            list(recognise(io.BytesIO(text)).streams)


def test_the_pastes_after_public_reports_come_out_right(shared: Path) -> None:
    expected = json.loads((shared / "reports/expected.json").read_text())
    for name, want in expected.items():
        if "-paste-" not in name:
            continue
        result = run("check", shared / "reports" / name, "--format", "json")
        if want["codes"]:
            assert codes(result) == want["codes"], name
        else:
            assert (result.exit_code, json.loads(result.stdout)["streams"]) == (2, []), name


def test_standard_input_is_read_as_a_paste() -> None:
    result = run("check", "-", "--format", "json", stdin=FORMS["codex"](events_of(MISSING)).encode())
    assert Counter(codes(result)) == {"MD301": 1}


def chosen(events: list[dict[str, Any]], *fields: str) -> list[dict[str, Any]]:
    return [{field: event.get(field) for field in fields} for event in events]


NAMES_IN_JSON = {
    "types alone": lambda events: alone(chosen(events, "type")),
    "types and numbers": lambda events: alone(chosen(events, "type", "sequence_number")),
    "some fields, as jq chooses them": lambda events: alone(chosen(events, "type", "output_index", "item_id", "delta")),
    "an array": lambda events: json.dumps(chosen(events, "type"), indent=1).encode(),
    "called event": lambda events: alone([{"event": event["type"]} for event in events]),
    "data as three dots": lambda events: "".join(f"event: {e['type']}\ndata: ...\n\n" for e in events).encode(),
    "Java": lambda events: "".join(f"Event{{delta=x, type={e['type']}, more={{}}}}\n" for e in events).encode(),
    "Go's %+v": lambda events: "".join(f"map[delta:x item:map[] type:{e['type']}]\n" for e in events).encode(),
    "a record of C#": lambda events: "".join(f"Update {{ Type = {e['type']}, Delta = }}\n" for e in events).encode(),
    "times and sizes": lambda events: "".join(f"+0.1s  {e['type']}  (93 bytes)\n" for e in events).encode(),
    "data as braces": lambda events: "".join(f"event: {e['type']}\ndata: {{...}}\n\n" for e in events).encode(),
}


@pytest.mark.parametrize("form", NAMES_IN_JSON)
@pytest.mark.parametrize("sample", [TEXT, MISSING], ids=lambda path: path.stem)
def test_names_in_json_are_asked_for_order_and_nesting_alone(form: str, sample: Path) -> None:
    found, lacks = findings(NAMES_IN_JSON[form](events_of(sample)))
    assert [finding.code for finding in found] == (["MD301"] if sample is MISSING else [])
    assert lacks == {Lack.NAMES}


MARKS = ["...", "…", "[truncated]", "<snip>", "(truncated)", "...[truncated]", "…[+1200 chars]", "… (900 more bytes)"]


def with_marks(text: str, place: str, mark: str) -> str:
    """An event in JSON, in which some of it was left out."""
    if place == "end of the line":
        return text[:90] + mark
    if place == "before the value":
        return text[: text.index('"id"') + 4] + mark
    if place == "value":
        return re.sub(r'"(response|item)": \{.*', lambda match: f'"{match[1]}": {json.dumps(mark)}}}', text)
    inside = json.dumps(mark) + ": " + json.dumps(mark) if place == "member" else mark
    return text[: text.index('"id"')] + inside + "}}"


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("place", ["end of the line", "before the value", "value", "member", "inside"])
@pytest.mark.parametrize("form", ["JSON lines", "an event stream"])
def test_a_mark_of_shortening_in_an_object_accuses_nobody(form: str, place: str, mark: str) -> None:
    events = [(event, json.dumps(event)) for event in events_of(MISSING)]
    lines = [(e, with_marks(text, place, mark) if "response" in e or "item" in e else text) for e, text in events]
    stream = "".join(f"event: {e['type']}\ndata: {text}\n\n" for e, text in lines)
    found, lacks = findings((stream if form != "JSON lines" else "".join(f"{t}\n" for _, t in lines)).encode())
    assert [finding.code for finding in found] == ["MD301"]
    assert lacks <= {Lack.SNAPSHOTS, Lack.SHORTENED}
    assert lacks


def test_a_model_may_say_three_dots() -> None:
    events = json.loads(json.dumps(events_of(TEXT)).replace("Hello, world.", "...").replace('"Hel"', '"..."'))
    for event in events:
        if event["type"].endswith("text.delta") and event["delta"] != "...":
            event["delta"] = ""
    for content in (alone(events), sse(events).encode()):
        assert findings(content) == ([], frozenset())


@pytest.mark.parametrize(
    ("before", "between"),
    [
        ("# Bug\n\nDirectly it works:\n\n```\n", "```\n\nThrough the gateway it doesn't:\n\n```\n"),
        ("", "\nand this is broken:\n\n"),
        ("Expected\n\n", "\nActual\n\n"),
    ],
)
@pytest.mark.parametrize("form", [sse, FORMS["dicts"], FORMS["codex"]], ids=["SSE", "dicts", "codex"])
def test_a_working_and_a_broken_stream_in_one_report_are_two(
    form: Callable[[list[dict[str, Any]]], str], before: str, between: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.md"
    file.write_text(before + form(events_of(TEXT)) + between + form(events_of(MISSING)))
    streams = json.loads(run("check", file, "--format", "json").stdout)["streams"]
    assert [[f["code"] for f in stream["findings"]] for stream in streams] == [[], ["MD301"]]


def test_an_error_in_a_report_is_told_in_its_words(tmp_path: Path) -> None:
    file = tmp_path / "report.md"
    file.write_text('I get this:\n\n```json\n{\n  "error": {\n    "message": "no such model"\n  }\n}\n```\n')
    result = run("check", file)
    assert result.exit_code == 1
    assert "it is an error in JSON (no such model)" in result.stdout


def test_a_page_is_refused_with_its_title(tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    file.write_text("<html><head><title>504 Gateway Time-out</title></head><body></body></html>")
    assert "is HTML or XML (504 Gateway Time-out), an error page" in run("check", file).stderr
