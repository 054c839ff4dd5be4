"""What a rule declares is what happens: its trigger, its fields, and the codes that the grammar's table gives."""

import json
import re
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import BROKEN, CLEAN, body, events_of

from responses_tap import Checker, Decoder
from responses_tap.protocol import checker, grammar
from responses_tap.protocol.bodies import Head
from responses_tap.protocol.findings import MOST_EVIDENCE, Finding
from responses_tap.protocol.judge import Ledger
from responses_tap.protocol.request_facts import NOTHING_KNOWN, RequestFacts
from responses_tap.protocol.rules import RULES, Rule
from responses_tap.protocol.sse import message_frame
from responses_tap.protocol.websocket_checker import SocketChecker

ENGINE = Path(checker.__file__).parent
TEXT = next(path for path in CLEAN if path.stem == "text")


def check_all() -> None:
    """Check at least one stream for each rule."""
    for sample in BROKEN:
        judge(sample.read_bytes())
    correct = events_of(TEXT)
    judge(body(*correct), profile="open-responses")  # TR909
    judge(body(*correct), head=Head(500, "text/plain"))  # TR906, TR907
    judge(b"no", head=Head(500))
    judge(b"\x1f\x8b", head=Head(200))  # TR915
    judge(b'{"object": "response"}', request=RequestFacts(streams=True))  # TR916
    judge(body(*correct), request=RequestFacts(streams=False, previous_response_id="resp_0"))  # TR918, RQ007
    judge(body(*correct), at_ns=[10**9, *[10**12] * 20])  # TM002
    deltas = [*correct[:4], *[correct[4]] * 30, *correct[4:]]
    judge(body(*deltas), at_ns=[10**10] * 50)  # TM001
    judge_messages(correct)


def judge(
    data: bytes,
    profile: str = "openai",
    head: Head | None = None,
    at_ns: list[int] | None = None,
    request: RequestFacts = NOTHING_KNOWN,
) -> None:
    """Check a body."""
    judged = Checker(profile, live=True, head=head or Head(), request=request)
    decoder = Decoder()
    frames = [*decoder.feed(data), *decoder.finish()]
    for n, frame in enumerate(frames):
        judged.feed(frame, at_ns[n] if at_ns else None)
    judged.finish()


def judge_messages(correct: list[dict[str, Any]]) -> None:
    """Check sockets on which everything goes wrong."""
    other = json.loads(json.dumps(correct).replace("resp_1", "resp_2").replace("msg_1", "msg_2"))
    lane = [event | {"stream_id": "1"} for event in correct]
    for messages in ([{"type": "error"}, [], *correct, *other[:5], correct[5], *correct[:5]], [*lane[:4], correct[4]]):
        socket = SocketChecker()
        for message in messages:
            socket.feed(message_frame(json.dumps(message).encode())).finish()


@pytest.fixture(scope="module")
def triggers() -> dict[str, set[str]]:
    """The modules that reported each rule, by its code."""
    seen: dict[str, set[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        report = Ledger.__call__

        def noting(self: Ledger, code: str, *args: Any, **facts: Any) -> Finding:
            seen.setdefault(code, set()).add(sys._getframe(1).f_globals["__name__"].rpartition(".")[2])
            return report(self, code, *args, **facts)

        patch.setattr(Ledger, "__call__", noting)
        check_all()
    return seen


def test_every_rule_is_reported_by_the_trigger_that_it_names(triggers: dict[str, set[str]]) -> None:
    assert triggers == {code: {rule.by or "rule"} for code, rule in RULES.items()}


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.code)
def test_a_rule_has_a_check_or_a_module_that_reports_it(rule: type[Rule]) -> None:
    has_check = rule.check is not Rule.check
    assert (bool(rule.by), bool(rule.on)) == (not has_check, has_check)
    assert not rule.by or (ENGINE / f"{rule.by}.py").is_file()


def test_the_codes_of_the_grammar_stand_nowhere_else_in_the_engine() -> None:
    kinds = {row.kind for row in grammar.ROWS.values()}
    named = {getattr(kind, field.name) for kind in kinds for field in fields(kind)}
    codes = {value for value in named if value in RULES}
    assert {"NS201", "NS202", "NS207", "NS208", "ID507", "ID508", "MD305", "MD306"} == codes
    for module in ENGINE.glob("*.py"):
        if module.stem not in ("grammar", "profiles"):
            assert not codes & set(re.findall(r'"(\w+)"', module.read_text())), module


def test_the_table_decides_which_rule_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine follows the table, whatever the table says."""
    for name in ("not_opened", "opened_twice", "gap", "not_closed"):
        monkeypatch.setattr(grammar.Kind, name, property(lambda _: "SC809"))
    monkeypatch.setattr(RULES["SC809"], "message", "moved")
    for code in ("NS201", "NS207", "NS208", "MD305", "MD306", "ID507", "ID508"):
        sample = next(path for path in BROKEN if path.stem.startswith(code))
        assert "SC809" in {finding.code for finding in findings_of(sample)}, code


def findings_of(sample: Path) -> list[Finding]:
    judged = Checker()
    for frame in Decoder().feed(sample.read_bytes()):
        judged.feed(frame)
    return judged.finish()


def in_event(data: Any, path: str) -> bool:
    """Whether an event has a field."""
    for step in re.findall(r"\w+", path):
        if isinstance(data, list):
            data = data[int(step)] if step.isdecimal() and int(step) < len(data) else None
        elif not isinstance(data, dict) or step not in data:
            return False
        else:
            data = data[step]
    return True


LACKING = {
    "SC801",
    "SC802",
    "SC803",
    "SC805",
    "SC810",
    "SC811",
    "SC812",
    "SC813",
    "ID513",
    "ST703",
    "ST704",
    "ST709",
    "ST710",
}
LACKING |= {"TR913", "WS003", "WS004", "AG603"}
"""The rules on fields that are missing."""


@pytest.mark.parametrize("sample", BROKEN, ids=lambda path: path.stem)
def test_the_fields_of_a_finding_are_those_of_its_event(sample: Path) -> None:
    events = {}
    judged = Checker()
    for frame in Decoder().feed(sample.read_bytes()):
        if frame.data and (event := judged.feed(frame)) is not None:
            events[event.response, event.position] = event
    for finding in judged.finish():
        for path in finding.fields:
            assert re.fullmatch(r"\w+(\[\d+\])?(\.\w+(\[\d+\])?)*", path), path
            data = events[finding.response, finding.position].data
            assert in_event(data, path) or finding.code in LACKING, (finding.message, path)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AG601", ("text",)),
        ("AG602", ("part.text",)),
        ("AG603", ("item.content[0]",)),
        ("AG604", ("arguments",)),
        ("AG605", ("response.output[0].content",)),
        ("AG609", ("item.content[0].annotations",)),
        ("AG610", ("item.name",)),
        ("ID504", ("response.output[0].id",)),
        ("ID508", ("content_index",)),
        ("ID516", ("response.model",)),
        ("LC103", ()),
        ("MD301", ()),
        ("MD309", ("text",)),
        ("NS202", ("content_index",)),
        ("NS205", ("part.type",)),
        ("SC801", ("output_index",)),
        ("SC804", ("delta",)),
        ("SC811", ("item.summary",)),
        ("ST702", ("response.status",)),
        ("ST704", ("response.error.code", "response.error.message")),
    ],
)
def test_a_finding_says_which_fields_it_is_about(code: str, expected: tuple[str, ...]) -> None:
    sample = next(path for path in BROKEN if path.stem.startswith(code))
    assert next(finding.fields for finding in findings_of(sample) if finding.code == code) == expected


def test_each_missing_field_is_one_of_the_finding() -> None:
    events = events_of(TEXT)
    for event in events[4:7]:
        del event["item_id"]
    del events[5]["output_index"]
    judged = Checker()
    for frame in Decoder().feed(body(*events)):
        judged.feed(frame)
    found = {finding.text.split()[0]: finding for finding in judged.finish() if finding.code == "SC801"}
    assert found["response.output_text.delta"].fields == ("item_id", "output_index")


def test_the_message_names_the_fields_that_are_missing_in_the_order_of_the_paths() -> None:
    for sample in BROKEN:
        for finding in findings_of(sample):
            if "{lacking}" in RULES[finding.code].message:
                assert ", ".join(path.rpartition(".")[2] for path in finding.fields) in finding.message


@pytest.mark.parametrize("sample", BROKEN, ids=lambda path: path.stem)
def test_the_evidence_is_of_the_events_that_are_counted(sample: Path) -> None:
    for finding in findings_of(sample):
        assert len(finding.evidence) == min(finding.count - 1, MOST_EVIDENCE), finding.message


def test_no_module_of_the_engine_is_named_like_one_of_the_rules() -> None:
    engine, rules = ({path.stem for path in folder.glob("[a-z]*.py")} for folder in (ENGINE, ENGINE / "rules"))
    assert engine & rules == set()


def words_of(finding: Finding) -> str:
    page = RULES[finding.code].page(finding)
    return f"{page.impact} {page.fix}"


@pytest.mark.parametrize(
    ("code", "lacking", "there", "elsewhere"),
    [
        ("SC810", ["error"], ["send `error` in every lifecycle event"], ["created_at", "`model`", "`id`", "full"]),
        ("SC810", ["model"], ["send `model`"], ["created_at", "`id`"]),
        ("SC812", ["annotations"], ["without `annotations`", "send `annotations`"], ["logprobs"]),
    ],
)
def test_impact_and_fix_name_the_fields_that_lack_and_no_others(
    code: str, lacking: list[str], there: list[str], elsewhere: list[str]
) -> None:
    events = events_of(TEXT)
    for event in events:
        for field in lacking:
            for holder in (event.get("response"), event.get("part")):
                if holder:
                    holder.pop(field, None)
    judged = Checker()
    for frame in Decoder().feed(body(*events)):
        judged.feed(frame)
    said = [words_of(finding) for finding in judged.finish() if finding.code == code]
    assert said
    for words in said:
        assert all(name in words for name in there), words
        assert not any(name in words for name in elsewhere), words


@pytest.mark.parametrize("sample", BROKEN, ids=lambda path: path.stem)
def test_no_finding_speaks_of_fields_that_are_right(sample: Path) -> None:
    for finding in findings_of(sample):
        about = {re.sub(r"\[\d+\]", "", path).rpartition(".")[2] for path in finding.fields} or {finding.missing}
        for listed in re.findall(r"(?:\A|\. |\): )[Ww]ith(?:out)? ((?:`[\w.]+`(?:, | or )?)+)", words_of(finding)):
            assert set(re.findall(r"[\w.]+\w|\w", listed)) - {"or"} <= about, listed
        assert not re.search(r"\{[a-z]", words_of(finding)), words_of(finding)


def test_every_page_reads_as_one_without_a_finding() -> None:
    for rule in RULES.values():
        assert not re.search(r"\{[a-z]", f"{rule.page().impact} {rule.page().fix}"), rule.code
        assert "By reading" not in str(rule.page()), rule.code
