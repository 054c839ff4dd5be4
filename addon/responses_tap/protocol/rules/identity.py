"""ID5xx: ids, indices and numbers stay what they are."""

import json
from itertools import takewhile

from responses_tap.protocol.events import Event, string
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.grammar import CALL_ITEMS, LIFECYCLE
from responses_tap.protocol.rules.rule import Loss, Rule
from responses_tap.protocol.scopes import Scope
from responses_tap.protocol.stated_values import matched_output


class ResponseIdChanged(Rule, code="ID501", severity=Severity.ERROR):
    """The response's id changes between its lifecycle events.

    Impact: The client cannot know which id to send as previous_response_id.
    Bad: created<id=a>, …, completed<id=b>
    Good: created<id=a>, …, completed<id=a>
    Fine: Only a note in profile copilot: GitHub Copilot changes it from event to event.
    Source: openai-python 3.54.0, openai/lib/streaming/responses/_responses.py,
        ResponseStreamState.accumulate_event; 642 recorded OpenAI streams, without exception.
    Fix: use one response id in all events of a response.
    """

    message = "response.id changed from {before} to {after} (event {position})"
    fields = ("response.id",)
    on = LIFECYCLE

    def check(self, event: Event, scope: Scope | None) -> None:
        """A lifecycle event: does it carry the first one's id?"""
        id_ = string(event.object("response"), "id")
        if id_ is not None and id_ != self._response.id:
            self.found_once(event.position, before=self._response.id, after=id_)


class ItemIdChanged(Rule, code="ID502", severity=Severity.ERROR):
    """An item has another id in `response.output_item.done` than in `response.output_item.added`.

    Impact: Reported in BerriAI/litellm#30071 and EricLBuehler/mistral.rs#1944.
    Bad: item+0{message, id:a}, …, item-0{id:b}
    Good: item+0{message, id:a}, …, item-0{id:a}
    Fine: Only a note in profile copilot: GitHub Copilot changes it from event to event.
    Source: openai-python 3.54.0, openai/lib/streaming/responses/_responses.py,
        ResponseStreamState.accumulate_event ('Completed output item identity changed.'); openai-node 7.57.0,
        src/internal/responses/response-accumulator.ts, validateResponseOutputItemIdentity.
    Fix: generate the id once, when the item is added, and keep it.
    """

    message = (
        "the id of output[{output_index}] is {before} in response.output_item.added and {after} in "
        "response.output_item.done"
    )
    fields = ("item.id",)
    on = ("response.output_item.done",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A done item: does it carry the id it was added with?"""
        id_ = event.object("item").get("id")
        if scope is None or scope.closed != event.position or scope.implicit or scope.id is None:
            return
        if id_ != scope.id and "id" in event.object("item"):
            self.found(event.position, scope.place, before=scope.id, after=id_)


class ItemIdMismatch(Rule, code="ID503", severity=Severity.ERROR):
    """Events of an item have an item_id that is not the item's id.

    Impact: Reported: AI SDK 6 drops the text (BerriAI/litellm#19125). User interfaces that find items by id show
        empty ones.
    Bad: item+0{message, id:a}, part+0.0[output_text](b), text~(b), …
    Good: item+0{message, id:a}, part+0.0[output_text](a), text~(a), …
    Fine: An item that was added without an id. Only a note in profile copilot.
    Source: openai-node 7.57.0, src/internal/responses/response-accumulator.ts, validateOutputItemIdentity; Open
        Responses specification, section 'Extending Items', required item fields (`id`).
    Fix: put the id that output_item.added announced into item_id of every event of the item.
    """

    message = "events of output[{output_index}] have item_id {other} instead of {id}"
    fields = ("item_id",)
    by = "routing"


class TerminalItemIdDiffers(Rule, code="ID504", severity=Severity.WARNING):
    """An item has another id in the terminal event than in its `response.output_item.done`.

    Impact: Reported: openclaw fails the turn (openclaw/openclaw#122473), and clients that send the history back
        send the item twice (OpenRouter, smg-project/smg#160).
    Bad: item+0{message, id:a}, …, item-0{id:a}, completed<out=1, id:b>
    Good: item+0{message, id:a}, …, item-0{id:a}, completed<out=1, id:a>
    Fine: Only a note in profile copilot: GitHub Copilot changes it from event to event.
    Source: Open Responses specification, section 'Extending Items', required item fields (`id`: unique and
        stable); openai-python 3.54.0, openai/lib/streaming/responses/_responses.py,
        ResponseStreamState.accumulate_event.
    Fix: put the item that output_item.done carried into response.output, instead of rebuilding it.
    """

    message = "response.output[{index}].id is {after} in the terminal event and {before} in response.output_item.done"
    fields = ("response.output[{index}].id",)
    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: do its items carry the ids they were done with?"""
        for index, entry, item in matched_output(self._response, event.object("response")):
            before = string(item.final or {}, "id") if item is not None else None
            if item is None or before is None:
                continue
            after = entry.get("id")
            if isinstance(after, str | None) and after not in (before, item.id):  # any other is SC804's
                self.found(event.position, {"output_index": index}, index=index, before=before, after=after)


class OutputIndexCollision(Rule, code="ID505", severity=Severity.ERROR):
    """Two items use the same output_index.

    Impact: Reported in decolua/9router#2611, diegosouzapw/OmniRoute#10025 and mudler/LocalAI#9658.
    Bad: item+0{reasoning}, item-0, item+0{function_call}, args~0, args=0, item-0
    Good: item+0{reasoning}, item-0, item+1{function_call}, args~1, args=1, item-1
    Source: openai-python 3.54.0, openai/types/responses/response_output_item_added_event.py, class
        ResponseOutputItemAddedEvent, field output_index; openai-python 3.54.0,
        openai/lib/streaming/responses/_responses.py, ResponseStreamState.accumulate_event.
    Fix: number output_index sequentially across all items of the response, whatever their type.
    """

    message = "output_index {key} is used by both {a} and {b} (event {position})"
    fields = ("output_index",)
    by = "items"


class OutputIndexMoved(Rule, code="ID506", severity=Severity.ERROR):
    """An item's output_index changes while the item is streamed.

    Bad: item+0{function_call, id:a}, args~0, args=0, item-1{id:a}
    Good: item+0{function_call, id:a}, args~0, args=0, item-0{id:a}
    Source: openai-python 3.54.0, openai/types/responses/response_output_item_done_event.py, class
        ResponseOutputItemDoneEvent, field output_index.
    Fix: keep the output_index that the item was added with.
    """

    message = "item {id} is added as output[{before}] and used as output[{after}] (event {position})"
    fields = ("output_index",)
    by = "routing"


class OutputIndexGap(Rule, code="ID507", severity=Severity.WARNING):
    """An item is added with a gap in output_index: items are not numbered 0, 1, 2, ….

    Impact: Reported: openai-python up to 2.x raises IndexError (openai/openai-python#2852).
    Bad: created, in_progress, item+1{message}, …, item-1, completed<out=1>
    Good: created, in_progress, item+0{message}, …, item-0, completed<out=1>
    Fine: A resumed response, whose first items came before this capture began.
    Source: openai-python 3.54.0, openai/types/responses/response_output_item_added_event.py, class
        ResponseOutputItemAddedEvent, field output_index.
    Fix: number the items of a response 0, 1, 2, … in the order in which they are added.
    """

    message = "the item added in event {position} has output_index {key}, expected {expected}"
    fields = ("output_index",)
    by = "items"


class PartIndexGap(Rule, code="ID508", severity=Severity.ERROR):
    """Parts, summary parts, commands or annotations of an item are not numbered 0, 1, 2, ….

    Impact: Reported in vllm-project/vllm#45742.
    Bad: item+0{message}, part+0.1[output_text], text~0.1, text=0.1, part-0.1, item-0
    Good: item+0{message}, part+0.0[output_text], text~0.0, text=0.0, part-0.0, item-0
    Fine: A resumed response, whose first parts came before this capture began.
    Source: openai-node 7.57.0, src/internal/responses/response-accumulator.ts, validateArrayAppend.
    Fix: count {content_index, summary_index and command_index in every item, annotation_index in every part} from 0
        on.
    """

    message = "{key} is {index}, expected {expected} (event {position}{item})"
    fields = ("{key}",)
    by = "parts"


class ItemIdDuplicate(Rule, code="ID509", severity=Severity.ERROR):
    """Two items of one response have the same id.

    Bad: item+0{id:a}, item-0, item+1{id:a}
    Good: item+0{id:a}, item-0, item+1{id:b}
    Source: Open Responses specification, item ids are unique; openai-node, response-accumulator.ts.
    Fix: mint a new id for each item.
    """

    message = "{other} and output[{output_index}] have the same id {id}"
    fields = ("item.id",)
    on = ("response.output_item.added",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A new item: is its id its own?"""
        if scope is None or scope.id is None or scope.opened != event.position:
            return
        other = self._response.by_id.get(scope.id)
        if other is not None and other is not scope and other.opened is not None:
            self.found(event.position, scope.place, other=other.label, id=scope.id)


class SequenceNotIncreasing(Rule, code="ID510", severity=Severity.WARNING):
    """A sequence number is not greater than the one before it.

    Impact: A client that attaches itself again with `starting_after` gets events twice or misses some.
    Bad: sequence_number 0, 1, 1, 2
    Good: sequence_number 0, 1, 2, 3
    Fine: A new response on the same WebSocket starts at 0 again.
    Source: Open Responses specification, section 'Extending streaming events' (`sequence_number`: monotonically
        increasing).
    Fix: number the events with one counter for the whole stream.
    """

    message = "sequence_number {after} follows {before} (event {position})"
    fields = ("sequence_number",)
    by = "sequence"


class SequenceGap(Rule, code="ID511", severity=Severity.NOTE):
    """The sequence numbers have a gap.

    Impact: Reported: strict parsers treat the gap as lost events (ENTERPILOT/GoModel#953).
    Bad: sequence_number 0, 1, 4
    Good: sequence_number 0, 1, 2
    Fine: A gateway that left events out on purpose; hence only a note. Keepalives and vendor events use up numbers
        too.
    Source: Open Responses specification, section 'Extending streaming events' (`sequence_number`: lets clients
        order events and detect gaps).
    Fix: renumber the events after filtering them.
    """

    message = "sequence_number jumps from {before} to {after} (event {position})"
    fields = ("sequence_number",)
    by = "sequence"
    loss = Loss.NUMBER


class SequenceStart(Rule, code="ID512", severity=Severity.NOTE):
    """The first sequence number of a fresh stream is not 0.

    Bad: created (sequence_number 5), in_progress (6), …
    Good: created (sequence_number 0), in_progress (1), …
    Fine: A resumed response continues after `starting_after`.
    Source: 449 of 482 recorded streams start at 0; the others are resumed, have no numbers or are mocks.
    Fix: start sequence_number at 0 in every response.
    """

    message = "the first sequence_number is {number}, expected 0"
    fields = ("sequence_number",)
    by = "sequence"


class CallIdMissing(Rule, code="ID513", severity=Severity.ERROR):
    """A function, custom tool or shell call has no call_id.

    Bad: item+0{function_call}, args~0, args=0, item-0
    Good: item+0{function_call, call_id:c}, args~0, args=0, item-0{call_id:c}
    Source: OpenAI API reference (openai-openapi 2.3.0), schemas FunctionToolCall and CustomToolCall, required
        field call_id.
    Fix: send call_id with every call, in output_item.added already.
    """

    message = "the {have} at output[{output_index}] has no call_id"
    fields = ("item.call_id",)
    on = ("response.output_item.added", "response.output_item.done")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A call that is added or done: can its result be matched to it?"""
        item = event.object("item")
        if scope is None or scope.type not in CALL_ITEMS or item.get("call_id"):
            return
        if known := scope.findings.get(self.code):
            known.add(event.position)
        else:
            scope.findings[self.code] = self.found(event.position, scope.place, have=scope.type)


class CallIdChanged(Rule, code="ID514", severity=Severity.ERROR):
    """A call has another call_id in `response.output_item.done` than in `response.output_item.added`.

    Impact: The result of the tool cannot be matched to its call.
    Bad: item+0{function_call, call_id:a}, args~0, args=0, item-0{call_id:b}
    Good: item+0{function_call, call_id:a}, args~0, args=0, item-0{call_id:a}
    Fine: A tool_search_call that the client executes: OpenAI itself changes its call_id.
    Source: openai-python 3.54.0, openai/lib/streaming/responses/_responses.py,
        ResponseStreamState.accumulate_event ('Completed output item identity changed.'); openai-node 7.57.0,
        src/internal/responses/response-accumulator.ts, validateResponseOutputItemIdentity.
    Fix: generate the call_id once, when the call is added, and keep it.
    """

    message = "the call_id of output[{output_index}] changed from {before} to {after}"
    fields = ("item.call_id",)
    on = ("response.output_item.done",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A done call: does it carry the call_id it was added with?"""
        if scope is None or scope.closed != event.position or scope.type not in CALL_ITEMS:
            return
        before, after = scope.added.get("call_id"), event.object("item").get("call_id")
        if before and after and before != after:
            self.found(event.position, scope.place, before=before, after=after)


class CallIdDuplicate(Rule, code="ID515", severity=Severity.ERROR):
    """Two calls of one response have the same call_id.

    Impact: From source review (not tested): the results of the two calls cannot be told apart, in every client.
    Bad: item+0{function_call, call_id:c}, item-0, item+1{function_call, call_id:c}
    Good: item+0{function_call, call_id:c}, item-0, item+1{function_call, call_id:d}
    Source: openai-node, response-accumulator.ts, identity of output items.
    Fix: mint a new call_id for each call.
    """

    message = "{other} and output[{output_index}] have the same call_id {call_id}"
    fields = ("item.call_id",)
    on = ("response.output_item.added",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A new call: is its call_id its own?"""
        call_id = string(event.object("item"), "call_id")
        if scope is None or not call_id or scope.type not in CALL_ITEMS or scope.opened != event.position:
            return
        for item in takewhile(lambda item: item is not scope, self._response.every_item):
            if item.type in CALL_ITEMS and item.added.get("call_id") == call_id:
                if item.id != scope.id:  # the same item twice is ID509's
                    self.found(event.position, scope.place, other=item.label, call_id=call_id)
                return


class SnapshotFieldChanged(Rule, code="ID516", severity=Severity.NOTE):
    """The model or the creation time differs between the lifecycle events of one response.

    Impact: With `model` changed, costs and traces are attributed to the wrong model.
    Bad: created<model a>, …, completed<model b>
    Good: created<model a>, …, completed<model a>
    Fine: a router that learns the model only from its upstream.
    Source: OpenAI API reference (openai-openapi 2.3.0), schema Response: each lifecycle event carries the same
        response.
    Fix: repeat {model and created_at} unchanged.
    """

    message = "response.{field} changed from {old} to {new} (event {position})"
    fields = ("response.{field}",)
    on = LIFECYCLE

    def check(self, event: Event, scope: Scope | None) -> None:
        """A lifecycle event: does it repeat what the first one said?"""
        snapshot = event.object("response")
        for field, before in (("model", self._response.model), ("created_at", self._response.created_at)):
            after = snapshot.get(field)
            if before is not None and after is not None and after != before:
                self.found_once(event.position, field=field, old=json.dumps(before), new=json.dumps(after))


class IdEmpty(Rule, code="ID517", severity=Severity.WARNING):
    """The id of a response, an item or a call is an empty string.

    Impact: What is found by its id is not: outputs of tools are sent back for nothing. With `call_id` empty, OpenAI
        rejects the next request.
    Bad: item+0{function_call, call_id:""}
    Good: item+0{function_call, call_id:"call_1"}
    Source: OpenAI API reference (openai-openapi 2.3.0), `id` and `call_id` identify.
    Fix: mint an id, or leave the field out where it is optional.
    """

    message = "{field} of {what} is an empty string (event {position})"
    on = ("response.created", "response.output_item.added", "response.output_item.done")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A response or an item: do its ids say anything?"""
        holder = event.object("response" if event.type == "response.created" else "item")
        what = "the response" if event.type == "response.created" else f"item {event.output_index}"
        for field in ("id", "call_id"):
            if holder.get(field) == "" and not (field == "call_id" and holder.get("type") in CALL_ITEMS):  # ID513's
                fields = [f"{'response' if event.type == 'response.created' else 'item'}.{field}"]
                self.found_once(event.position, field=field, what=what, fields=fields)
                return


class CallIdTooLong(Rule, code="ID518", severity=Severity.WARNING):
    """A `call_id` has more than 64 characters.

    Impact: OpenAI rejects the next request, which sends it back with the call's output.
    Bad: item+0{function_call, call_id:(80 characters)}
    Good: item+0{function_call, call_id:(up to 64 characters)}
    Source: OpenAI API reference (openai-openapi 2.3.0), schema FunctionCallOutputItemParam, call_id: maxLength 64.
    Fix: mint shorter ids.
    """

    message = "the call_id of output[{output_index}] has {n} characters; clients can send back at most 64"
    fields = ("item.call_id",)
    on = ("response.output_item.added", "response.output_item.done")
    _most = 64

    def check(self, event: Event, scope: Scope | None) -> None:
        """A call: can its id be sent back?"""
        call_id = string(event.object("item"), "call_id") or ""
        if len(call_id) > self._most and scope is not None and self.code not in scope.findings:
            scope.findings[self.code] = self.found(event.position, scope.place, n=len(call_id))
