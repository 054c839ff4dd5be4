"""AG6xx: what was streamed is what was stated in the end."""

import json

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Severity, counted
from responses_tap.protocol.grammar import PART, TERMINALS
from responses_tap.protocol.rules.rule import AbsenceRule, Rule, StructureRule
from responses_tap.protocol.scopes import Scope
from responses_tap.protocol.stated_values import differing_field, matched_output


class TextDoneDiffers(AbsenceRule, code="AG601", severity=Severity.ERROR):
    """The done event of a text does not match its deltas.

    Impact: What was shown while streaming and what is stored differ. Reported in maximhq/bifrost#6902.
    Bad: text~'Hel', text~'lo', text='Hel', part-0.0'Hello'
    Good: text~'Hel', text~'lo', text='Hello', part-0.0'Hello'
    Source: openai-python 3.54.0, openai/types/responses/response_text_done_event.py, class ResponseTextDoneEvent
        ("the text content that is finalized"); 642 recorded OpenAI streams, without exception.
    Fix: concatenate the deltas exactly, and send that in the done event.
    """

    message = "text in {type} (event {position}, {where}) does not match its deltas: {difference}"
    by = "parts"


class PartDoneDiffers(AbsenceRule, code="AG602", severity=Severity.ERROR):
    """The text in `response.content_part.done` differs from the preceding text done event.

    Impact: What was shown while streaming and what is stored differ.
    Bad: text~'Hello', text='Hello', part-0.0'Hel', item-0'Hello'
    Good: text~'Hello', text='Hello', part-0.0'Hello', item-0'Hello'
    Source: Open Responses specification, section 'Items are streamable', point 2: the part is closed after the
        done event of its text; 642 recorded OpenAI streams, without exception.
    Fix: put the same text into the done event and into the closed part.
    """

    message = "{type} (event {position}, {where}) does not match the text before it: {difference}"
    by = "parts"


class ItemContentDiffers(AbsenceRule, code="AG603", severity=Severity.ERROR):
    """A done item does not match its closed parts or its finished value.

    Impact: From source review (not tested): Codex shows the text of the item; the other clients show the deltas.
    Bad: text='Hello', part-0.0'Hello', item-0'Hel'
    Good: text='Hello', part-0.0'Hello', item-0'Hello'
    Source: Open Responses specification, section 'Items are streamable', point 3; 642 recorded OpenAI streams,
        without exception.
    Fix: build the item from its closed parts and finished values.
    """

    message = (
        "{path} in response.output_item.done (output[{output_index}]) does not match what was streamed: {difference}"
    )
    by = "stated_values"


class ArgumentsDiffer(AbsenceRule, code="AG604", severity=Severity.ERROR):
    """The done event of arguments, input or code does not match its deltas.

    Impact: Reported: an empty done event wipes out the arguments in cc-switch (farion1231/cc-switch#6481).
    Bad: args~'{"a":', args~'1}', args='{"a": 1}'
    Good: args~'{"a":', args~'1}', args='{"a":1}'
    Fine: A recording in which secrets were replaced afterwards, in the done event but not in the split deltas.
    Source: openai-python 3.54.0, openai/types/responses/response_function_call_arguments_done_event.py, class
        ResponseFunctionCallArgumentsDoneEvent; 642 recorded OpenAI streams, without exception.
    Fix: send the deltas joined, character by character, in the done event: neither empty nor reserialised.
    """

    message = "value in {type} (event {position}, {where}) does not match its deltas: {difference}"
    by = "parts"


class TerminalItemDiffers(StructureRule, code="AG605", severity=Severity.ERROR):
    """An item in the terminal event differs from its `response.output_item.done`.

    Bad: …, part-0.0'Hello', item-0'Hello', completed<out=1>'Other'
    Good: …, part-0.0'Hello', item-0'Hello', completed<out=1>'Hello'
    Fine: encrypted_content and fingerprint are not compared: OpenAI encrypts them again in every event.
    Source: openai-python 3.54.0, openai/types/responses/response.py, class Response, field output; 642 recorded
        OpenAI streams, without exception.
    Fix: put the same item objects into output_item.done and into response.output.
    """

    message = "response.output[{index}].{field} in the terminal event does not match response.output_item.done"
    fields = ("response.output[{index}].{field}",)
    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: does each item say what its done event said?"""
        for index, entry, item in matched_output(self._response, event.object("response")):
            if item is None or item.final is None:
                continue
            if field := differing_field(item, entry):
                self.found(event.position, {"output_index": index}, index=index, field=field)


class TerminalOutputEmpty(StructureRule, code="AG606", severity=Severity.ERROR):
    """The terminal event has an empty output, although items were streamed.

    Impact: Reported in QuantumNous/new-api#4362, vllm-project/vllm#30223 and maximhq/bifrost#5667.
    Bad: item+0{message}, …, item-0, completed<out=0>
    Good: item+0{message}, …, item-0, completed<out=1>
    Fine: Only a note in profile codex: the backend of Codex always leaves it empty.
    Source: openai-python 3.54.0, openai/types/responses/response.py, class Response, field output; 642 recorded
        OpenAI streams, without exception.
    Fix: put all items of the stream into response.output of the terminal event.
    """

    message = "{type} has no output although {items} streamed"
    fields = ("response.output",)
    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: has it the items that were streamed?"""
        items = [item for item in self._response.every_item if not item.implicit]
        if items and not event.object("response").get("output"):
            self.found(
                event.position,
                type=event.type,
                items=counted(len(items), "item") + (" was" if len(items) == 1 else " were"),
            )


class TerminalOutputOrder(StructureRule, code="AG607", severity=Severity.ERROR):
    """The terminal event lists the items in another order than their output_index, or leaves some out.

    Impact: Reported: clients that recover from the terminal event abort (openclaw, Wei-Shaw/sub2api#6118,
        invergent-ai/surogate#175).
    Bad: item+0{reasoning}, item-0, item+1{message}, …, item-1, completed<out=[message, reasoning]>
    Good: item+0{reasoning}, item-0, item+1{message}, …, item-1, completed<out=[reasoning, message]>
    Source: openai-python 3.54.0, openai/types/responses/response_output_item_added_event.py, class
        ResponseOutputItemAddedEvent, field output_index.
    Fix: order response.output by output_index, and leave nothing out.
    """

    message = "{detail} in the output of {type} (event {position})"
    fields = ("response.output",)
    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: are the items there, in the order of their output_index?"""
        listed = [item for _, _, item in matched_output(self._response, event.object("response")) if item]
        if not listed:
            return  # reported by AG606 or MD311
        keys = [item.key for item in listed if isinstance(item.key, int)]
        if keys != sorted(keys):
            self.found(event.position, type=event.type, detail=f"the items are ordered {keys}")
        known = {id(item) for item in listed}
        for item in self._response.every_item:
            if item.closed is not None and not item.implicit and id(item) not in known:
                detail = f"{item.type or 'item'} {item.key} is left out"
                self.found(event.position, item.place, type=event.type, detail=detail)


class ArgumentsNotJson(StructureRule, code="AG608", severity=Severity.WARNING):
    """The arguments of a finished call are not a JSON object.

    Impact: The tool cannot be called.
    Bad: args='{"city"', item-0{function_call, completed}
    Good: args='{"city":"Paris"}', item-0{function_call, completed}
    Fine: a call that ended incomplete: OpenAI truncates its arguments, too.
    Source: OpenAI API reference (openai-openapi 2.3.0), schema FunctionToolCall: `arguments` is a JSON string.
    Fix: finish the JSON, send `{}` where there are no arguments, or mark the item incomplete.
    """

    message = "the arguments of the {have} at output[{output_index}] are not a JSON object{hint}"
    fields = ("item.arguments",)
    on = ("response.output_item.done",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A done call: can its arguments be read?"""
        item = event.object("item")
        arguments = item.get("arguments")
        if scope is None or scope.closed != event.position or scope.type not in ("function_call", "mcp_call"):
            return
        if not isinstance(arguments, str) or item.get("status") == "incomplete" or _is_json_object(arguments):
            return
        hint = "" if arguments else " (they are empty; `{}` is the empty object)"
        self.found(event.position, scope.place, have=scope.type, hint=hint)


class AnnotationsDiffer(StructureRule, code="AG609", severity=Severity.WARNING):
    """A finished text has fewer annotations than were streamed, or other ones in the item than in the part.

    Impact: From source review (not tested): clients that build the answer from the final item lose citations that
        were already shown.
    Bad: annotation+0, annotation+1, part-0.0{annotations:1}
    Good: annotation+0, annotation+1, part-0.0{annotations:2}
    Source: openai-python 3.54.0, class ResponseOutputTextAnnotationAddedEvent; recorded OpenAI streams, where the
        counts always agree.
    Fix: put the same list of annotations into content_part.done, output_item.done and the terminal event.
    """

    message = "annotations of {where}: {streamed} streamed, {final} in {type}"
    on = ("response.content_part.done", "response.output_item.done")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A closed part or item: has it the annotations that were streamed?"""
        if scope is None or scope.closed != event.position or scope.excused or self._response.partial:
            return
        if scope.kind is PART:
            self._compare(event, scope, "part", event.object("part"))
            return
        content = event.object("item").get("content")
        for part in scope.inside(PART):
            if isinstance(content, list) and isinstance(part.key, int) and part.key < len(content):
                self._compare(event, part, f"item.content[{part.key}]", content[part.key])

    def _compare(self, event: Event, part: Scope, path: str, final: object) -> None:
        annotations = final.get("annotations") if isinstance(final, dict) else None
        if not isinstance(annotations, list) or part.excused or self.code in part.findings:
            return
        # More than were streamed, in the part itself, is MD310's.
        if len(annotations) < part.annotations:
            part.findings[self.code] = self.found(
                event.position,
                part.place,
                fields=[f"{path}.annotations"],
                streamed=part.annotations,
                final=len(annotations),
                type=event.type,
            )


class ItemFieldChanged(StructureRule, code="AG610", severity=Severity.ERROR):
    """An item has another type, name or role in `response.output_item.done` than when it was added.

    Bad: item+0{function_call, name:f}, args~0, args=0, item-0{name:g}
    Good: item+0{function_call, name:f}, args~0, args=0, item-0{name:f}
    Source: openai-node 7.57.0, src/internal/responses/response-accumulator.ts, validateResponseOutputItemIdentity
        ('expected output item type').
    Fix: decide on {type, name and role} before sending output_item.added, and keep to it.
    """

    message = (
        "{field} of output[{output_index}] is {before} in response.output_item.added and {after} in "
        "response.output_item.done"
    )
    fields = ("item.{field}",)
    on = ("response.output_item.done",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A done item: has it the type, name and role it was added with?"""
        if scope is None or scope.closed != event.position:
            return
        final = event.object("item")
        for field in ("type", "name", "role"):
            before, after = scope.added.get(field), final.get(field)
            if before and after and before != after:
                self.found(event.position, scope.place, field=field, before=before, after=after)


class UsageInconsistent(StructureRule, code="AG611", severity=Severity.NOTE):
    """The total of the tokens is not the sum of input and output tokens.

    Impact: Bills and budgets disagree.
    Bad: completed<usage{input_tokens:12, output_tokens:7, total_tokens:12}>
    Good: completed<usage{input_tokens:12, output_tokens:7, total_tokens:19}>
    Source: OpenAI API reference (openai-openapi 2.3.0), schema ResponseUsage.
    Fix: send the sum as `total_tokens`.
    """

    message = "usage.total_tokens is {total}, not {input} + {output}"
    fields = ("response.usage.total_tokens",)
    on = TERMINALS

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: do the tokens add up?"""
        usage = event.object("response").get("usage")
        if not isinstance(usage, dict):
            return
        spent, made, total = (_whole(usage.get(f"{kind}_tokens")) for kind in ("input", "output", "total"))
        if spent is not None and made is not None and total is not None and spent + made != total:
            self.found(event.position, input=spent, output=made, total=total)


def _whole(count: object) -> int | None:
    """A count of tokens, None where it is no whole number."""
    return count if type(count) is int else None


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


class ReplacementCharacters(Rule, code="AG612", severity=Severity.WARNING):
    """The text has replacement characters (U+FFFD) at the boundary of a delta.

    Impact: What stood there is lost, in the client and in what is stored.
    Bad: text~'caf\ufffd', text~'\ufffd!'
    Good: text~'caf', text~'é!'
    Fine: Only a note within a delta: a model may write one.
    Source: farion1231/cc-switch#1923, wecode-ai/Wegent#2271; WHATWG Encoding, "decode with replacement".
    Fix: decode UTF-8 incrementally, so that a character may be in two chunks.
    """

    message = "the text has replacement characters, first in event {position}: UTF-8 is decoded in pieces along the way"
    fields = ("delta",)
    by = "characters"


class SplitCharacter(Rule, code="AG613", severity=Severity.WARNING):
    """A delta ends within a character: with the first half of a surrogate pair, which the next delta completes.

    Impact: Decoders in languages whose texts are UTF-8 (Python, Rust, Go) cannot hold the half, and replace or reject
        it; JavaScript joins the halves again.
    Bad: text~"\\ud83d", text~"\\ude00"
    Good: text~"\\ud83d\\ude00"
    Source: RFC 8259, section 8.2: the behaviour of software that receives unpaired surrogates is unpredictable.
    Fix: split deltas between characters.
    """

    message = "the delta in event {position} ends within a character"
    fields = ("delta",)
    by = "characters"
