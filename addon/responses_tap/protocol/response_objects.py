"""A response that came whole, in JSON: the rules about its object, without those about how one is streamed."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from responses_tap.protocol.events import Event, string
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.judge import Judge
from responses_tap.protocol.profiles import Profile
from responses_tap.protocol.request_facts import RequestFacts
from responses_tap.protocol.scopes import ResponseScope

_ASKED = (
    *("SC804", "SC808", "SC810", "SC811", "SC812", "ST7", "AG611"),
    *("ID509", "ID513", "ID515", "ID517", "ID518", "RQ"),
)
"""How the codes begin of the rules that a whole response can break."""
_EVENTS = {"incomplete": "incomplete", "failed": "failed", "cancelled": "failed", "queued": "created"}
_EVENTS |= {"in_progress": "created"}
"""The event that carries a response of a status other than completed."""

_EVENT = rf"response\.(?:{'|'.join(sorted({'completed', *_EVENTS.values()}))}|output_item\.(?:added|done))"
_EVENTS_FIELD = re.compile(rf"{_EVENT}\.(?:(item)\b|response\.)")
_IN_EVENT = re.compile(rf" in {_EVENT}")
_AT_EVENT = re.compile(rf"{_EVENT}(?: \(event \d+\))?")


def judge_response(document: dict[str, Any], profile: Profile, request: RequestFacts) -> list[Finding]:
    """What is wrong with a response as an object: what would be wrong with it in a stream of its items."""
    if document.get("object") != "response":
        return []  # a compaction, a count of tokens
    if document.get("output") is None:  # null is none
        document = {name: value for name, value in document.items() if name != "output"}
    response = ResponseScope(request=request, required=profile.response_fields, snapshot=document)
    created_at = document.get("created_at")
    response.created_at = created_at if isinstance(created_at, int | float) else None
    judge = Judge(response, replace(profile, asked=_ASKED))
    for event in _events(document):
        event.position = response.events
        response.events += 1
        judge.apply(event, None, uncounted=True)
    for finding in judge.ledger.findings:
        # It has no events: where something is, and how often, is what the document shows.
        finding.position, finding.count = None, 1
        finding.evidence.clear()
        index = finding.scope.get("output_index", 0)
        finding.fields = tuple(_path(field, index) for field in finding.fields)
        finding.text = _words(finding.text, index)
    return judge.ledger.findings


def _path(field: str, index: int) -> str:
    """A field of an event as one of the document."""
    return re.sub(r"^item\b", f"output[{index}]", field.removeprefix("response."))


def _words(text: str, index: int) -> str:
    """What is said of an event, as said of the document."""
    text = _EVENTS_FIELD.sub(lambda found: f"output[{index}]" if found[1] else "", text)
    return _AT_EVENT.sub("the response", _IN_EVENT.sub("", text))


def _events(document: dict[str, Any]) -> Iterator[Event]:
    output = document.get("output")
    for index, item in enumerate(output if isinstance(output, list) else []):
        if isinstance(item, dict):
            # As if it had been streamed: an item begins in progress.
            added = {**item, "status": "in_progress"} if "status" in item else item
            yield Event({"type": "response.output_item.added", "output_index": index, "item": added})
            yield Event({"type": "response.output_item.done", "output_index": index, "item": item})
    kind = _EVENTS.get(string(document, "status") or "", "completed")
    yield Event({"type": f"response.{kind}", "response": document})
