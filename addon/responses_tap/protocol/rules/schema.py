"""SC8xx: events have the fields, types and names that clients parse."""

from typing import Any

from responses_tap.protocol.events import Event, string
from responses_tap.protocol.fields import LOGPROBS_SINCE, applies
from responses_tap.protocol.findings import Reporter, Severity
from responses_tap.protocol.grammar import ITEM, PART, SUMMARY, TERMINALS
from responses_tap.protocol.objects import ITEM_FIELDS, KNOWN_ITEMS, PART_FIELDS, lacking, parts_of
from responses_tap.protocol.rules.rule import Rule
from responses_tap.protocol.scopes import ResponseScope, Scope
from responses_tap.protocol.stated_values import final_items


class RequiredFieldMissing(Rule, code="SC801", severity=Severity.ERROR):
    """An event lacks a field that its type requires.

    Impact: Reported without `output_index`: ggml-org/llama.cpp#20607 and lemonade-sdk/lemonade#3607.
    Bad: text~{sequence_number, item_id, content_index, delta, logprobs}
    Good: text~{sequence_number, item_id, output_index, content_index, delta, logprobs}
    Fine: `function_call_arguments.done` without `name`: the API reference requires it, and no server sends it.
    Source: openai-python 3.54.0, openai/types/responses/response_stream_event.py, required fields of each class in
        ResponseStreamEvent; OpenAI API reference (openai-openapi 2.3.0), schema ResponseStreamEvent.
    Fix: add {the missing fields} to every event of this type.
    """

    message = "{type} lacks {field}"
    by = "fields"


class LogprobsMissing(Rule, code="SC802", severity=Severity.WARNING):
    """`response.output_text.delta` or `response.output_text.done` has no logprobs.

    Impact: Decoders that validate may reject the event, such as typed ones in Rust, Go or Dart.
    Bad: text={sequence_number, item_id, output_index, content_index, text}
    Good: text={sequence_number, item_id, output_index, content_index, text, logprobs:[]}
    Fine: Streams from before July 2025. Off in profile open-responses.
    Source: openai-python 3.54.0, openai/types/responses/response_text_done_event.py, class ResponseTextDoneEvent,
        and response_text_delta_event.py, class ResponseTextDeltaEvent (required since openai-python 1.98);
        optional in Open Responses.
    Fix: send `logprobs: []` where there are none.
    """

    message = "{type} lacks logprobs"
    fields = ("logprobs",)
    by = "fields"


class SequenceNumberMissing(Rule, code="SC803", severity=Severity.WARNING):
    """Events have no sequence_number.

    Impact: Reported: strict decoders abort (diegosouzapw/OmniRoute#14330 names Grok Build and OpenCode). A client
        cannot resume the stream.
    Bad: created{response}, in_progress{response}, …
    Good: created{response, sequence_number:0}, in_progress{response, sequence_number:1}, …
    Fine: Streams from before June 2025 in which no event has a number.
    Source: openai-python 3.54.0, openai/types/responses/, field sequence_number of every event class (required
        since 1.84); Open Responses, schema/events.tsp.
    Fix: number every event with sequence_number, from 0 on.
    """

    message = "events have no sequence_number, first in event {position}"
    fields = ("sequence_number",)
    by = "sequence"


class FieldType(Rule, code="SC804", severity=Severity.ERROR):
    """A field has a value of the wrong JSON type.

    Impact: With `created_at` as a float, QuantumNous/new-api#6822 drops the event. Strict decoders reject any value
        of another type.
    Bad: text~{delta:'Hel'}, text~{delta:null}, text~{delta:'lo'}, text='Hello'
    Good: text~{delta:'Hel'}, text~{delta:''}, text~{delta:'lo'}, text='Hello'
    Source: OpenAI API reference (openai-openapi 2.3.0), schema ResponseStreamEvent.
    Fix: send {the field} with the JSON type that the schema names.
    """

    message = "{type}.{field} is {have}, expected {want}"
    by = "fields"


class ItemNull(Rule, code="SC805", severity=Severity.ERROR):
    """`response.output_item.added` or `response.output_item.done` has no item.

    Impact: Reported in openai/openai-python#3125.
    Bad: item+0{null}, part+0.0[output_text], …, item-0{message}
    Good: item+0{message}, part+0.0[output_text], …, item-0{message}
    Source: OpenAI API reference (openai-openapi 2.3.0), schema OutputItem; the schema of Open Responses would
        allow null.
    Fix: send the item object in both events.
    """

    message = "{type} (event {position}) has no usable item"
    fields = ("item",)
    by = "fields"


class MisspelledEvent(Rule, code="SC806", severity=Severity.ERROR):
    """An event has an outdated or wrong name.

    Impact: Old vLLM and Bedrock Mantle send such names.
    Bad: item+0{reasoning}, reasoning_part.added, rt~, rt=, reasoning_part.done, item-0
    Good: item+0{reasoning}, content_part.added, rt~, rt=, content_part.done, item-0
    Fine: `response.reasoning.delta` and `response.reasoning.done`: Open Responses names them so.
    Source: openai-python 1.66.0 to 3.54.0, openai/types/responses/response_stream_event.py: the names in the union
        ResponseStreamEvent over time.
    Fix: use the name that the message gives.
    """

    message = "{type} is an outdated or wrong name for {today}"
    fields = ("type",)
    by = "fields"


class UnknownEvent(Rule, code="SC807", severity=Severity.NOTE):
    """An event has an unknown type.

    Impact: Decoders with a closed list of types reject it.
    Bad: created, in_progress, trace_event, item+0{message}, …
    Good: created, in_progress, acme:trace_event, item+0{message}, …
    Fine: Prefixed events are legal, and OpenAI adds types that this release does not know; hence only a note. A
        warning in profile open-responses.
    Source: Open Responses specification, section 'Extending streaming events': event types of one's own must have
        the implementor's prefix.
    Fix: put the implementor's name and a colon before event types of your own.
    """

    message = "unknown event type {type}"
    fields = ("type",)
    by = "fields"


class UnknownItem(Rule, code="SC808", severity=Severity.NOTE):
    """An item has an unknown type.

    Impact: Strict unions reject the event.
    Bad: item+0{thought_bubble}
    Good: item+0{acme:thought_bubble}
    Fine: the vendor's own items (`vendor:name`); new ones of OpenAI that this release does not know yet.
    Source: Open Responses specification, section "Extending items".
    Fix: prefix the type with the vendor's name, and give the item an id and a status.
    """

    message = "unknown item type {have}"
    fields = ("item.type",)
    on = ("response.output_item.added",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A new item: is its type known?"""
        if scope is not None and scope.type is not None and scope.type not in KNOWN_ITEMS:
            self.found_once(event.position, have=scope.type)


class StrayErrorMember(Rule, code="SC809", severity=Severity.ERROR):
    """An event that is not an `error` event has a top-level `error` member.

    Impact: Reported in openai/codex#24973.
    Bad: created, in_progress, failed{response, error:{code, message}}
    Good: created, in_progress, failed{response:{error:{code, message}}}
    Fine: `error: null`.
    Source: openai-python 3.54.0, openai/_streaming.py, Stream.__stream__; openai-node 7.57.0,
        src/core/streaming.ts: both raise on any true `error` member.
    Fix: put the error into response.error.
    """

    message = "{type} (event {position}) has a top-level error member"
    fields = ("error",)
    by = "fields"


class ResponseFieldMissing(Rule, code="SC810", severity=Severity.ERROR):
    """The response in `response.created` or in the terminal event lacks required fields.

    Impact: Typed decoders (async-openai, Grok Build) may reject it.
    Bad: created{response:{}}
    Good: created{response:{id, object, created_at, model, output, …}}
    Fine: Only a warning where nothing but fields lack that may be null, and a note on a WebSocket where nothing but
        `output` does.
    Source: OpenAI API reference (openai-openapi 2.3.0), schema Response, required; Open Responses,
        ResponseResource.
    Fix: send {the missing fields} in every lifecycle event; without a value, error, incomplete_details, instructions,
        metadata, temperature and top_p are null.
    """

    message = "the response in {type} lacks {lacking}"
    on = ("response.created", *TERMINALS)
    _decoded = frozenset(("id", "object", "created_at", "model", "status", "output"))
    """What typed clients decode; where only fields lack that may be null, no tested client fails."""

    def __init__(self, response: ResponseScope, report: Reporter) -> None:
        super().__init__(response, report)
        self._told: set[str] = set()

    def check(self, event: Event, scope: Scope | None) -> None:
        """A first or last snapshot: is it whole?"""
        snapshot = event.object("response")
        missing = [field for field in self._response.required if self._is_missing(snapshot, field)]
        if not missing or "response" not in event.data:
            return
        if self._known is not None and self._told.issuperset(missing):
            self._known.add(event.position)
            return
        self._told |= set(missing)
        severity = None if self._decoded.intersection(missing) else Severity.WARNING
        if missing == ["output"] and self._response.over_websocket:
            severity = Severity.NOTE
        self._known = self.found_lacking(missing, "response", event.position, severity=severity, type=event.type)

    def _is_missing(self, snapshot: dict[str, Any], field: str) -> bool:
        # That the output is null is AG606's.
        return field not in snapshot or (snapshot[field] is None and field in self._decoded - {"output"})


class ItemFieldMissing(Rule, code="SC811", severity=Severity.ERROR):
    """An item lacks fields that its type requires.

    Impact: Without `summary` in a reasoning item, Codex drops all later deltas (agentclientprotocol/codex-acp#266).
        Strict decoders reject the item.
    Bad: item+0{reasoning, id}
    Good: item+0{reasoning, id, summary:[]}
    Fine: fields that OpenAI itself leaves out of an item that is only just added, such as a search's action.
    Source: OpenAI API reference (openai-openapi 2.3.0), the item schemas; Open Responses: all fields that are not
        nullable, with zero values.
    Fix: send {the missing fields} in every event with the item, with zero values (`[]`, `""`) where there is
        nothing yet.
    """

    message = "the {have} at output[{output_index}] in {type} lacks {lacking}"
    on = ("response.output_item.added", "response.output_item.done", *TERMINALS)

    def check(self, event: Event, scope: Scope | None) -> None:
        """An item, or those of a terminal event: are they whole?"""
        if scope is None:
            for path, item, streamed in final_items(self._response, event):
                # What output_item.done has and this lacks is AG605's.
                self._ask(event, path, {**(streamed.final or {}), **item}, streamed)
        elif event.object("item"):
            self._ask(event, "item", event.object("item"), scope)

    def _ask(self, event: Event, path: str, item: dict[str, Any], scope: Scope) -> None:
        type_ = scope.type or ""
        wanted = ITEM_FIELDS.get(type_)
        if wanted is None:
            return
        is_new = event.type == "response.output_item.added"
        missing = lacking(item, type_, wanted.added if is_new else wanted.done)
        if not missing:
            return
        if known := scope.findings.get(self.code):
            known.add(event.position)
        else:
            scope.findings[self.code] = self.found_lacking(
                missing, path, event.position, scope.place, have=type_, type=event.type
            )


class PartFieldMissing(Rule, code="SC812", severity=Severity.WARNING):
    """A part of an item lacks fields that its type requires.

    Impact: From source review (not tested): without `annotations`, openai-node fails at annotation.added. Strict
        decoders reject the event.
    Bad: part+0.0{type, text}
    Good: part+0.0{type, text, annotations:[], logprobs:[]}
    Fine: `logprobs` in streams from before July 2025.
    Source: OpenAI API reference (openai-openapi 2.3.0), schema OutputTextContent.
    Fix: send {the missing fields} in every part, empty (`[]`, `""`) where there is nothing.
    """

    message = "{part} part {where} in {type} lacks {lacking}"
    on = ("response.content_part.added", "response.content_part.done", "response.reasoning_summary_part.added",
          "response.reasoning_summary_part.done", "response.output_item.done", *TERMINALS)  # fmt: skip

    def check(self, event: Event, scope: Scope | None) -> None:
        """A part, or those of a done item or of a terminal event: are they whole?"""
        if scope is None:
            for path, item, streamed in final_items(self._response, event):
                self._ask_parts(event, path, item, streamed)
        elif scope.kind is ITEM:
            self._ask_parts(event, "item", event.object("item"), scope)
        else:
            self._ask(event, "part", event.object("part"), scope)

    def _ask_parts(self, event: Event, path: str, item: dict[str, Any], scope: Scope) -> None:
        kinds = {"content": PART, "summary": SUMMARY}
        for field, n, part in parts_of(item):
            if isinstance(part, dict):
                self._ask(event, f"{path}.{field}[{n}]", part, scope.children.get((kinds[field].name, n), scope))

    def _ask(self, event: Event, path: str, part: dict[str, Any], scope: Scope) -> None:
        type_ = string(part, "type") or ""
        fields = PART_FIELDS.get(type_, ())
        if type_ == "output_text" and applies(self._response, LOGPROBS_SINCE):
            fields = (*fields, "logprobs")
        missing = lacking(part, type_, fields)
        if not missing:
            return
        if known := scope.findings.get(self.code):
            known.add(event.position)
        else:
            scope.findings[self.code] = self.found_lacking(
                missing, path, event.position, scope.place, part=type_, type=event.type
            )


class ErrorEventShape(Rule, code="SC813", severity=Severity.WARNING):
    """An `error` event has no message: neither `message` nor `error.message`.

    Impact: The user sees an empty error.
    Bad: error{}
    Good: error{code, message, param}
    Source: openai-python 3.54.0, class ResponseErrorEvent (flat); Open Responses, ErrorStreamingEvent (nested).
        Both shapes are right.
    Fix: send code and message, flat or in `error`.
    """

    message = "the error event (event {position}) has neither message nor error.message"
    fields = ("message", "error.message")
    on = ("error",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """An error: does it say what happened?"""
        if not event.data.get("message") and not event.object("error").get("message"):
            self.found(event.position)


class UntypedError(Rule, code="SC814", severity=Severity.ERROR):
    """An error was sent without a type: `{"error": {…}}`.

    Impact: Reported: clients that look at types, such as Codex, ignore it and report a closed stream
        (router-for-me/CLIProxyAPI#3055).
    Bad: …, text~, {"error":{message}}, EOF
    Good: …, text~, error{message}, failed<error:{code, message}>
    Source: Open Responses specification, section 'Streaming': each event has a type; openai-python 3.54.0,
        openai/_streaming.py, Stream.__stream__.
    Fix: send an `error` event with type, code and message, then response.failed.
    """

    message = "an error was sent without a type: {message}"
    fields = ("error",)
    by = "response_states"
    ends = True


class OtherApi(Rule, code="SC815", severity=Severity.ERROR):
    """The stream belongs to another API.

    Impact: Clients of the Responses API find no event that they know.
    Bad: {"object":"chat.completion.chunk","choices":[…]}
    Good: created, …
    Fine: a stream that was meant for a client of that API.
    Source: Chat Completions, Anthropic Messages, Gemini, Assistants, Managed Agents and AG-UI, as documented.
    Fix: translate the upstream's events into those of the Responses API, or ask at the address of that API.
    """

    message = "these are events of {api}, not of the Responses API"
    by = "checker"
    ends = True
