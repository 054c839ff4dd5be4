"""What is removed before a stream leaves: texts, everything but structure, secrets; and that its findings stay."""

import json
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.conftest import BROKEN, CLEAN, RECORDINGS, body, events_of

from responses_tap import check
from responses_tap.privacy.redaction import Redaction, redacted
from responses_tap.privacy.rewriting import TextKind, rewrite
from responses_tap.protocol.faults import FAULTS, CannotPlant, plant
from responses_tap.protocol.sse import decode
from responses_tap.stream.model import Entry, JudgedStream
from responses_tap_viewer.actions.exporting import export
from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.cli import main
from responses_tap_viewer.reports.export_formats import FORMATS
from responses_tap_viewer.streams import find_stream

REDUCED = (Redaction.NO_TEXT, Redaction.STRUCTURE)
KEY = "sk-proj-abc0123456789abcdefghij"
TEXT = RECORDINGS / "clean/text.sse"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments])


def told(path: Path) -> list[dict[str, Any]]:
    """What `check` finds in a file, without the wording."""
    report = json.loads(run("check", str(path), "--format", "json").stdout)
    return [
        {key: value for key, value in finding.items() if key != "message"}
        for stream in report["streams"]
        for finding in stream["findings"]
    ]


def said(path: Path) -> set[str]:
    """The words in the texts of a sample."""
    texts: list[str] = []
    for event in events_of(path):
        texts += [event[name] for name in ("text", "arguments", "input", "refusal") if isinstance(event.get(name), str)]
    return {word for text in texts for word in re.findall(r"\w{5,}", text)}


# A finding about characters or words vanishes with them, and a file of two responses is two streams (TR917).
_ABOUT_WORDS = {"AG612", "AG613", "RQ004"}
"""The rules about the characters or words of a text."""
_NOT_STRUCTURE = {*_ABOUT_WORDS, "LC110", "TR917"}
"""The faults that redaction may hide, or that leave no stream."""
_SAMPLES = [sample for sample in (*CLEAN, *BROKEN) if not sample.stem.startswith(("AG612", "AG613", "RQ004", "TR917"))]


@pytest.mark.parametrize("content", REDUCED, ids=str)
@pytest.mark.parametrize("sample", _SAMPLES, ids=lambda sample: sample.stem)
def test_findings_and_sizes_stay_and_texts_go(sample: Path, content: Redaction, tmp_path: Path) -> None:
    stream = find_stream(str(sample))
    left = redacted(stream, content)
    assert [len(entry.frame.raw) for entry in left.entries] == [len(entry.frame.raw) for entry in stream.entries]
    file = tmp_path / "left.sse"
    file.write_bytes(left.body)
    assert told(file) == told(sample)
    try:
        words = said(sample)
    except ValueError:  # data that isn't JSON
        words = set()
    assert not [word for word in words if word in left.body.decode(errors="replace")]


@settings(max_examples=100, deadline=None)
@given(
    sample=st.sampled_from([path.read_bytes() for path in CLEAN]),
    fault=st.sampled_from([code for code in FAULTS if code not in _NOT_STRUCTURE]),
    seed=st.integers(0, 99),
    content=st.sampled_from(REDUCED),
)
def test_what_is_wrong_stays_wrong(sample: bytes, fault: str, seed: int, content: Redaction) -> None:
    with suppress(CannotPlant):
        sample = plant(sample, fault, seed)
    frames = list(decode([sample]))
    stream = JudgedStream("a.sse", entries=[Entry(n, frame, n) for n, frame in enumerate(frames)])
    found = [(f.code, f.position, f.count, f.scope) for f in check(sample).findings if not f.code.startswith("TR9")]
    left = [(f.code, f.position, f.count, f.scope) for f in redacted(stream, content).findings]
    assert [one for one in left if not one[0].startswith("TR9")] == found


def one_text(deltas: list[str], done: str, part: str) -> bytes:
    """A stream of one text, whose done event and closed part say these."""
    events = [event for event in events_of(TEXT) if event["type"] != "response.output_text.delta"]
    at = next(n for n, event in enumerate(events) if event["type"] == "response.output_text.done")
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    pieces = [{"type": "response.output_text.delta", **place, "delta": text, "logprobs": []} for text in deltas]
    events[at]["text"], events[at + 1]["part"]["text"] = done, part
    events[at + 2]["item"]["content"][0]["text"] = part
    events[at + 3]["response"]["output"][0]["content"][0]["text"] = part
    numbered = [event | {"sequence_number": n} for n, event in enumerate([*events[:at], *pieces, *events[at:]])]
    return body(*numbered)


_SOME = st.text(max_size=12)


@settings(max_examples=80, deadline=None)
@given(deltas=st.lists(_SOME, max_size=4), done=st.none() | _SOME, part=st.none() | _SOME)
def test_texts_that_agree_or_differ_still_do(
    tmp_path_factory: pytest.TempPathFactory, deltas: list[str], done: str | None, part: str | None
) -> None:
    whole = "".join(deltas)
    file = tmp_path_factory.mktemp("texts") / "a.sse"
    file.write_bytes(one_text(deltas, whole if done is None else done, whole if part is None else part))
    stream = find_stream(str(file))
    for content in REDUCED:
        left = redacted(stream, content)
        assert [(f.code, f.position, f.count) for f in left.findings] == [
            (f.code, f.position, f.count) for f in stream.findings
        ]
        assert len(left.body) == len(stream.body)


def test_different_texts_of_one_length_get_as_many_letters_as_needed(tmp_path: Path) -> None:
    file = tmp_path / "a.sse"
    file.write_bytes(one_text(["good", " day"], "good dag", "good day"))
    left = redacted(find_stream(str(file)), Redaction.NO_TEXT)
    assert [finding.code for finding in left.findings] == ["AG601"]
    letters = {c for event in left.entries if b"_text.d" in event.frame.raw for c in text_of(event.frame.raw)}
    assert 2 <= len(letters) <= 4


def text_of(raw: bytes) -> str:
    event = json.loads(raw.partition(b"data: ")[2])
    return str(event.get("delta", event.get("text")))


def test_a_json_text_stays_json_and_escapes_stay_escapes(tmp_path: Path) -> None:
    arguments = '{"city":"Zürich \\"old\\" \\ud83d\\ude00","n":-12.5e3,"ok":true}'
    events = events_of(RECORDINGS / "clean/tool-call.sse")
    for event in events:
        if "arguments" in event:
            event["arguments"] = arguments
    file = tmp_path / "a.sse"
    file.write_bytes(body(*events))
    left = redacted(find_stream(str(file)), Redaction.NO_TEXT)
    (done,) = [json.loads(e.frame.data or b"") for e in left.entries if b"arguments.done" in e.frame.raw]
    redone = json.loads(done["arguments"])
    assert list(redone.values())[1:] == [-11.1e1, True]
    assert "city" not in done["arguments"]
    assert "old" not in done["arguments"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b'data: {"type":"x.delta","delta":"a\\u00fc\\n\xc3\xbc"}', b'data: {"a":[{"b":"c', b"data: oops", b"\xff",
             b"data: [DONE]", b": hi there", b"event: x", b"data:", b'data: ,"d":1}', b"", b"\r", b'data: "\\ud800\\q"']
        ),
        max_size=10,
    )
)  # fmt: skip
def test_any_body_is_rewritten_byte_for_byte(lines: list[bytes]) -> None:
    frames = list(decode([b"\n".join(lines)]))
    entries = [Entry(n, frame, n) for n, frame in enumerate(frames)]
    assert list(rewrite(entries, lambda _path, _kind, text: text)) == frames
    seen: list[tuple[TextKind, str]] = []

    def starred(path: tuple[str, ...], kind: TextKind, text: str) -> str:
        seen.append((kind, text))
        return "".join("*" if " " < c < "\x7f" and c not in '"\\' else c for c in text)

    changed = list(rewrite(entries, starred))
    assert [len(frame.raw) for frame in changed] == [len(frame.raw) for frame in frames]
    assert not any(b"oops" in frame.raw for frame in changed)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("redaction") / "demo.db"
    record_samples(db)
    return db


def planted(stream: JudgedStream) -> JudgedStream:
    """A recorded stream with something of the user's in every possible place."""
    assert stream.row is not None
    row = replace(
        stream.row,
        url="https://planted-host/planted/v1/responses?deployment=planted",
        host="planted-host",
        request_headers=(("X-Team", "planted"), ("Content-Type", "application/json")),
        request_body='{"model":"m","input":[{"role":"user","content":"planted words"}],"metadata":{"planted":"1"}}',
        response_headers=(("x-planted", "planted"), ("content-type", "text/event-stream")),
        note="planted",
        end_reason="planted",
    )
    return replace(stream, row=row, source="/home/planted/a.db")


def test_structure_only_keeps_no_content_at_all(recording: Path) -> None:
    stream = planted(find_stream(f"{recording}#2"))
    for format_ in ("md", "json", "har"):
        content = export([stream], FORMATS[format_], Redaction.STRUCTURE).decode()
        assert "planted" not in content, format_
        assert "MD301" in content
        assert "/v1/responses" in content


def test_redact_text_keeps_the_request_but_not_what_it_says(recording: Path) -> None:
    stream = planted(find_stream(f"{recording}#2"))
    content = json.loads(export([stream], FORMATS["json"], Redaction.NO_TEXT))
    (exported,) = content["streams"]
    assert exported["request"]["body"]["input"] == [{"role": "user", "content": "xxxxxxxxxxxxx"}]
    assert exported["request"]["body"]["model"] == "m"
    team, content_type = exported["request"]["headers"]
    assert (team[0], content_type) == ("X-Team", ["Content-Type", "application/json"])
    assert "masked" in team[1]
    assert exported["response"]["headers"][0][0] == "x-planted"
    assert "planted" not in exported["response"]["headers"][0][1]


@pytest.mark.parametrize("format_", list(FORMATS))
def test_nothing_leaves_with_a_secret_in_it(format_: str, tmp_path: Path) -> None:
    leaking = tmp_path / "leak.sse"
    leaking.write_bytes(one_text([KEY[:9], KEY[9:], " is it"], f"{KEY} is it", f"{KEY} is it"))
    out = tmp_path / "out"
    result = run("export", str(leaking), "--format", format_, "-o", str(out))
    assert result.exit_code == 2
    assert "has a possible secret (API key) in event " in result.stderr
    assert "(response.output_text.done)" in result.stderr
    assert not out.exists()


def test_a_secret_that_only_the_deltas_together_show_is_found(tmp_path: Path) -> None:
    leaking = tmp_path / "leak.sse"
    leaking.write_bytes(one_text([KEY[:9], KEY[9:]], "", ""))
    result = run("export", str(leaking), "--format", "sse")
    assert "(API key) in the text of the response.output_text.delta events" in result.stderr


def test_masked_secrets_are_stars_everywhere_and_the_findings_stay(tmp_path: Path) -> None:
    leaking, masked = tmp_path / "leak.sse", tmp_path / "masked.sse"
    leaking.write_bytes(
        one_text([KEY[:9], KEY[9:], " is it"], f"{KEY} is it", f"{KEY} is it")
        + b': {"api_key": "abcdefgh12345678"}\n\n'
    )
    assert run("export", str(leaking), "--mask-secrets", "--format", "sse", "-o", str(masked)).exit_code == 0
    left = masked.read_text()
    assert not [piece for piece in (KEY, KEY[:9], KEY[9:], "abcdefgh12345678") if piece in left]
    assert f'"text":"{"*" * len(KEY)} is it"' in left
    assert len(left) == leaking.stat().st_size
    assert told(masked) == told(leaking)


def test_secrets_outside_the_events_are_named_by_their_place(recording: Path) -> None:
    stream = find_stream(f"{recording}#1")
    assert stream.row is not None
    for change, place in (
        ({"note": f"try {KEY}"}, "the note"),
        ({"url": "https://x/v1/responses?api_key=hello-there"}, "the URL"),
        ({"request_body": f'{{"input":"{KEY}"}}'}, "the request body"),
        ({"response_headers": (("x-debug", KEY),)}, "the response header x-debug"),
    ):
        changed = replace(stream, row=replace(stream.row, **change))
        with pytest.raises(Exception, match=f"has a possible secret .* in {place}; --mask-secrets masks it"):
            export([changed], FORMATS["json"])
        content = export([changed], FORMATS["json"], mask_secrets=True).decode()
        assert KEY not in content
        assert "masked-" in content
