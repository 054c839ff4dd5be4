"""ID5xx: ids, indices and numbers stay what they are."""

from responses_tap.protocol.agreement import matched_output
from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.grammar import CALL_ITEMS, LIFECYCLE
from responses_tap.protocol.rules.rule import Rule
from responses_tap.protocol.scopes import Scope


class ResponseIdChanged(Rule, code="ID501", severity=Severity.ERROR):
    """The response's id changes between its lifecycle events.

    Impact: openai-python >=3, openai-node 7: exception; previous_response_id unusable.
    Bad: created<a>, completed<b>
    Good: created<a>, completed<a>
    Source: openai-python 'Lifecycle response identity changed.'.
    Fix: use one id.
    """

    message = "response.id is {after} at {position}, was {before}"

    on = LIFECYCLE

    def check(self, event: Event, scope: Scope | None) -> None:
        """A lifecycle event: does it carry the first one's id?"""
        id_ = event.object("response").get("id")
        if isinstance(id_, str) and id_ != self._response.id:
            self.found_once(event.position, before=self._response.id, after=id_)


class ItemIdChanged(Rule, code="ID502", severity=Severity.ERROR):
    """An item's id is another one when it is done than when it was added.

    Impact: openai-python >=3, openai-node 7: exception; AI SDK 6 'text part not found' (litellm#30071,
        mistral.rs#1944).
    Bad: item+0{id:a}, item-0{id:b}
    Good: item+0{id:a}, item-0{id:a}
    Source: openai-python 'Completed output item identity changed.'; openai-node.
    Fix: mint the id once.
    """

    message = "item {output_index}: id {after} in output_item.done, {before} in added"

    on = ("response.output_item.done",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A done item: does it carry the id it was added with?"""
        id_ = event.object("item").get("id")
        if scope is None or scope.closed != event.position or scope.virtual or scope.id is None:
            return
        if id_ != scope.id and "id" in event.object("item"):
            self.found(event.position, scope.place, before=scope.id, after=id_)


class ItemIdMismatch(Rule, code="ID503", severity=Severity.ERROR):
    """The events inside an item name another item_id than the item has.

    Impact: openai-node 7 exception; AI SDK 6 drops text (litellm#19125); keyed UIs show empty parts.
    Bad: item+0{id:a}, text~0.0(b)
    Good: item+0{id:a}, text~0.0(a)
    Source: openai-node validateOutputItemIdentity; Open Responses item id.
    Fix: repeat the id of added.
    """

    message = "events of item {output_index} carry item_id {other} instead of {id}"


class TerminalItemIdDiffers(Rule, code="ID504", severity=Severity.WARNING):
    """An item has another id in the terminal event than in its `response.output_item.done`.

    Impact: openclaw#122473 fails the turn; duplicate history on replay (OpenRouter, smg#160).
    Bad: item-0{a}, completed{b}
    Good: item-0{a}, completed{a}
    Source: Open Responses, item id stable.
    Fix: reuse the item.
    """

    message = "response.output[{index}].id {after} differs from output_item.done ({before})"

    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: do its items carry the ids they were done with?"""
        for index, entry, item in matched_output(self._response, event.object("response")):
            if item is None or item.final is None or not isinstance(item.final.get("id"), str):
                continue
            before, after = item.final["id"], entry.get("id")
            if after not in (before, item.id):
                self.found(event.position, {"output_index": index}, index=index, before=before, after=after)


class OutputIndexCollision(Rule, code="ID505", severity=Severity.ERROR):
    """Two items claim the same output_index.

    Impact: openai-python >=3, openai-node 7: exception; openclaw, Codex proxies drop the tool call
        (9router#2611, OmniRoute#10025); langchain loses text.
    Bad: item+0{reasoning}, item-0, item+0{function_call}
    Good: item+0{reasoning}, item-0, item+1{function_call}
    Source: openai-python output_index = index of the item; 'Duplicate response output index'.
    Fix: count output_index over all items.
    """

    message = "output_index {key} is used by {a} and by {b} (at {position})"


class OutputIndexMoved(Rule, code="ID506", severity=Severity.ERROR):
    """An item's output_index changes while it is streamed.

    Impact: openai-node 'missing output'; langchain works around it.
    Bad: item+0{a}, item-1{a}
    Good: item+0{a}, item-0{a}
    Source: same.
    Fix: keep the index.
    """

    message = "item {id} is output_index {before} in added and {after} at {position}"


class OutputIndexGap(Rule, code="ID507", severity=Severity.WARNING):
    """Items are not numbered 0, 1, 2, ….

    Impact: openai-python <=2.x IndexError, openai-node 6 exception.
    Bad: item+1
    Good: item+0, item+1
    Fine: a resumed response.
    Source: openai-python: index of the output item in the array.
    Fix: number items 0,1,2,….
    """

    message = "the item added at {position} has output_index {key}, expected {expected}"


class PartIndexGap(Rule, code="ID508", severity=Severity.ERROR):
    """Parts, summaries, annotations or commands of an item are not numbered 0, 1, 2, ….

    Impact: openai-python IndexError, openai-node OpenAIError.
    Bad: part+1.1
    Good: part+1.0, part+1.1
    Fine: a resumed response.
    Source: openai-node validateArrayAppend; vllm#45742.
    Fix: restart content_index/summary_index/annotation_index/command_index at 0 per item.
    """

    message = "{key} {index} at {position}, expected {expected} (item {output_index})"


class SequenceNotIncreasing(Rule, code="ID510", severity=Severity.WARNING):
    """A sequence number is not greater than the one before.

    Impact: no live client breaks; resume with starting_after skips or repeats events.
    Bad: 0,1,1,2
    Good: 0,1,2,3
    Fine: a new response on the same WebSocket starts at 0 again.
    Source: Open Responses, monotonically increasing; openai-python sequence_number.
    Fix: one counter for the whole stream.
    """

    message = "sequence_number {after} at {position} follows {before}"


class SequenceGap(Rule, code="ID511", severity=Severity.NOTE):
    """A sequence number is left out.

    Impact: strict SDK parsers treat it as loss (GoModel#953).
    Bad: 0,1,4
    Good: 0,1,2
    Fine: a gateway that filters events; keepalives and vendor events consume numbers too.
    Source: OR: lets clients detect gaps.
    Fix: renumber after filtering.
    """

    message = "sequence_number jumps from {before} to {after} at {position}"


class SequenceStart(Rule, code="ID512", severity=Severity.NOTE):
    """The first sequence number of a fresh stream is not 0.

    Impact: none known; it stands on the specification.
    Bad: 5,6,…
    Good: 0,1,2
    Fine: a resumed response.
    Source: recorded OpenAI streams 449/482.
    Fix: start at 0 (resumes excepted).
    """

    message = "the first sequence_number is {number}, expected 0"


class CallIdMissing(Rule, code="ID513", severity=Severity.ERROR):
    """A call has no call_id.

    Impact: agents ModelBehaviorError; AI SDK type validation, tool call lost; openai-node 7 exception;
        langchain id None.
    Bad: item+0{function_call}
    Good: item+0{function_call, call_id:c}
    Source: openapi FunctionToolCall/CustomToolCall required.
    Fix: always send call_id, also in added.
    """

    message = "{have} item {output_index} has no call_id"

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
    """A call's call_id changes between added and done.

    Impact: openai-python >=3, openai-node 7 exception; tool result cannot be matched Only
        function_call, custom_tool_call, shell_call and approvals: OpenAI's own client tool_search_call
        changes it.
    Bad: item+{call:a}, item-{call:b}
    Good: item+{call:a}, item-{call:a}
    Fine: tool_search_call: OpenAI's own changes it.
    Source: openai-python/openai-node identity.
    Fix: mint once.
    """

    message = "call_id of item {output_index} changed from {before} to {after}"

    on = ("response.output_item.done",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A done call: does it carry the call_id it was added with?"""
        if scope is None or scope.closed != event.position or scope.type not in CALL_ITEMS:
            return
        before, after = scope.added.get("call_id"), event.object("item").get("call_id")
        if before and after and before != after:
            self.found(event.position, scope.place, before=before, after=after)
