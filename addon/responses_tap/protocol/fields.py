"""Whether each event has the fields that its type demands, with values of the right type, and a known name.

One finding for each event type, with a count: a server that leaves a field out leaves it out everywhere.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from responses_tap.protocol.events import Event, Problem, json_type, string, today
from responses_tap.protocol.findings import Finding, Reporter, Severity
from responses_tap.protocol.grammar import ITEM, PART, RESPONSE
from responses_tap.protocol.objects import ITEM_STRINGS, STRINGS, parts_of
from responses_tap.protocol.scopes import ResponseScope

_WITH_LOGPROBS = frozenset({"response.output_text.delta", "response.output_text.done"})
_INDICES = frozenset(("output_index", "content_index", "summary_index", "command_index", "annotation_index"))
_WITH_ERROR = frozenset(("error", "response.steer.failed", "response.inject.failed"))
"""Events that have an `error` of their own (openai-python 3.57)."""
_KEEPALIVE = "response.in_progress"
"""What some gateways send to keep a connection alive, without its response."""
_NO_DATE_BEFORE = datetime(2025, 3, 1, tzinfo=UTC).timestamp()
"""The API opened in March 2025; an earlier created_at is a scrubbed recording's."""
LOGPROBS_SINCE = datetime(2025, 7, 1, tzinfo=UTC).timestamp()
NUMBERS_SINCE = datetime(2025, 6, 1, tzinfo=UTC).timestamp()


def applies(response: ResponseScope, since: float) -> bool:
    """Whether a field that is required since `since` (Unix seconds) is required of this response."""
    created = response.created_at
    return created is None or created < _NO_DATE_BEFORE or created >= since


def _is_absent(problem: Problem) -> bool:
    return problem.absent and problem.field != "item"  # SC805's


def _no_parts(field: str, value: object) -> Problem | None:
    """What is wrong with a list of parts, None where nothing is or it isn't there."""
    if value is None:
        return None
    if not isinstance(value, list):
        return Problem(field, absent=False, have=json_type(value), want="an array")
    odd = [(n, part) for n, part in enumerate(value) if not isinstance(part, dict)]
    return Problem(f"{field}[{odd[0][0]}]", absent=False, have=json_type(odd[0][1]), want="an object") if odd else None


type _Holder = tuple[str, str, dict[str, Any], tuple[str, ...]]
"""An object in an event: its path, its type, itself, and the names of its fields that are strings."""


def _holders(event: Event) -> Iterator[_Holder]:
    """The objects in an event whose fields have types that the event's own schema leaves open."""
    kind = event.row.kind if event.row else None
    if kind is RESPONSE:
        response = event.object("response")
        yield "response", "response", response, STRINGS["response"]
        output = response.get("output")
        for n, item in enumerate(output if isinstance(output, list) else ()):
            yield from _in_item(f"response.output[{n}]", item)
    elif kind is ITEM:
        yield from _in_item("item", event.data.get("item"))
    elif part := event.object("part"):
        yield from _in_part("part", part)


def _in_item(path: str, item: object) -> Iterator[_Holder]:
    if not isinstance(item, dict):
        return
    type_ = string(item, "type") or ""
    yield path, type_, item, ITEM_STRINGS + STRINGS.get(type_, ())
    for field, n, part in parts_of(item):
        yield from _in_part(f"{path}.{field}[{n}]", part)


def _in_part(path: str, part: object) -> Iterator[_Holder]:
    if isinstance(part, dict) and (type_ := string(part, "type")) in STRINGS:
        yield path, type_, part, STRINGS[type_]


class _Lack(NamedTuple):
    """Fields that are missing, and where."""

    finding: Finding
    types: set[str]
    fields: list[str]

    def add(self, position: int, type_: str, fields: list[str]) -> None:
        """Count one more event."""
        self.finding.add(position)
        self.fields.extend(field for field in fields if field not in self.fields)
        self.types.add(type_)
        self.finding.fields = tuple(self.fields)
        names = ", ".join(self.fields)
        one = next(iter(self.types))
        self.finding.text = f"{one} lacks {names}" if len(self.types) == 1 else f"{len(self.types)} types lack {names}"


class FieldChecks:
    """The shape of the events of one response."""

    def __init__(self, response: ResponseScope, report: Reporter) -> None:
        self._response = response
        self._report = report
        self._found: dict[tuple[str, str, str], Finding] = {}
        self._lacks: dict[str, _Lack] = {}
        """What fields are missing: by the type of the events, and by the fields."""

    def apply(self, event: Event) -> None:
        """Judge one event by itself."""
        type_ = event.type or ""
        if event.row is None:
            self._unknown(event)
        elif event.type == _KEEPALIVE and "response" not in event.data:
            self._count("TR913", event)
            return
        elif event.row.kind is RESPONSE:
            self._created_at(event)
            self._lists(event, "response", ("output",))
        elif event.row.kind is ITEM:
            self._lists(event, "item", ("content", "summary"))
        if event.row is not None:
            self._strings(event)
        for problem in event.problems:
            self._problem(event, problem)
        if absent := [problem.field for problem in event.problems if _is_absent(problem)]:
            self._lacking(event, absent)
        if type_ in _WITH_LOGPROBS and event.data.get("logprobs") is None:
            self._logprobs(event)
        if event.data.get("error") and type_ not in _WITH_ERROR:
            self._count("SC809", event)

    def _created_at(self, event: Event) -> None:
        created_at = event.object("response").get("created_at")
        if created_at is not None and type(created_at) is not int:
            have = Problem("response.created_at", absent=False, have=json_type(created_at), want="a whole number")
            self._count("SC804", event, have, family="response.created_at")

    def _lists(self, event: Event, path: str, names: tuple[str, ...]) -> None:
        """Items, or the parts of one: an array of objects, not a text as in Chat Completions."""
        for name in names:
            if (problem := _no_parts(f"{path}.{name}", event.object(path).get(name))) is not None:
                self._count("SC804", event, problem, family=problem.field)

    def _strings(self, event: Event) -> None:
        for path, type_, holder, names in _holders(event):
            for name in names:
                value = holder.get(name)
                if value is not None and not isinstance(value, str):
                    problem = Problem(f"{path}.{name}", absent=False, have=json_type(value), want="a string")
                    # Of what an item has wrong, the response's output has it, too.
                    self._count("SC804", event, problem, family=f"{type_}.{name}")

    def _unknown(self, event: Event) -> None:
        if name := today(event.type, string(event.object("response"), "status")):
            # A family of names (`….added`, `….done`) is wrong together.
            self._count("SC806", event, family=(event.type or "").rpartition(".")[0], today=name)
        else:
            # A vendor's own event, properly prefixed, is legal under every profile.
            self._count("SC807", event, severity=Severity.NOTE if ":" in (event.type or "") else None)

    def _problem(self, event: Event, problem: Problem) -> None:
        if problem.field == "item" and problem.have in ("", "null"):
            self._count("SC805", event)
        elif problem.absent:
            return
        elif problem.field in _INDICES and isinstance(index := event.data.get(problem.field), int) and index < 0:
            item = "" if event.output_index is None else f", output[{event.output_index}]"
            facts: dict[str, Any] = {"key": problem.field, "index": index, "expected": "0 or more", "item": item}
            self._count(PART.gap, event, family=problem.field, **facts)
        else:
            self._count("SC804", event, problem, family=problem.field if problem.field == "sequence_number" else "")

    def _lacking(self, event: Event, fields: list[str]) -> None:
        """Count an event without these fields: all that one type lacks, and what several types lack, has one cause."""
        type_, names = event.type or "", ", ".join(fields)
        lack = self._lacks.get(type_) or self._lacks.get(names)
        if lack is None:
            lack = _Lack(self._report("SC801", event.position, type=type_, field=names, fields=fields), {type_}, fields)
        else:
            lack.add(event.position, type_, fields)
        self._lacks[type_] = self._lacks[names] = lack

    def _logprobs(self, event: Event) -> None:
        if applies(self._response, LOGPROBS_SINCE):
            self._count("SC802", event, family="logprobs")

    def _count(self, code: str, event: Event, problem: Problem | None = None, family: str = "", **facts: Any) -> None:
        type_ = event.type or ""
        if problem is not None:
            facts |= problem._asdict() | {"fields": [problem.field]}
        # What one type of event, or a family of types, has wrong, it has wrong in each event.
        key = (code, family or type_, problem.field if problem and not family else "")
        known = self._found.get(key)
        if known is None:
            index = event.output_index if problem is not None and problem.field.startswith("item.") else None
            scope = None if index is None else {"output_index": index}
            self._found[key] = self._report(code, event.position, scope, **{**facts, "type": type_})
            return
        if event.position not in (known.position, *known.evidence[-1:]):
            known.add(event.position)
