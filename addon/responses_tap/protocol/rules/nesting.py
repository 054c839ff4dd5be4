"""NS2xx: what is used was opened, in the right place."""

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import AbsenceRule, StructureRule
from responses_tap.protocol.scopes import Scope


class ItemNotOpened(AbsenceRule, code="NS201", severity=Severity.ERROR):
    """An event uses an item before its `response.output_item.added`.

    Impact: From source review (not tested): Codex drops the deltas. Reported in BerriAI/litellm#41185,
        anomalyco/opencode#40171 and ogx-ai/ogx#5458.
    Bad: created, in_progress, part+0.0[output_text], text~, text=, part-0.0, …
    Good: created, in_progress, item+0{message}, part+0.0[output_text], text~, text=, part-0.0, …
    Fine: A resumed response (`starting_after`), whose item was opened before this capture began.
    Source: Open Responses specification, section 'Items are streamable', point 1 (MUST); openai-node 7.57.0,
        src/internal/responses/response-accumulator.ts, getOutput.
    Fix: send response.output_item.added, with status in_progress and empty content, before any other event of the
        item.
    """

    message = "{type} (event {position}) uses output[{output_index}] before its response.output_item.added"
    fields = ("output_index",)
    by = "routing"


class PartNotOpened(AbsenceRule, code="NS202", severity=Severity.ERROR):
    """An event uses a content part, summary part or command that was never opened.

    Impact: From source review (not tested): Codex is unharmed. Reported in Wei-Shaw/sub2api#2875.
    Bad: item+0{message}, text~, text=, part-0.0, item-0
    Good: item+0{message}, part+0.0[output_text], text~, text=, part-0.0, item-0
    Fine: A resumed response (`starting_after`), whose part was opened before this capture began.
    Source: Open Responses specification, section 'Items are streamable', point 2 (MUST); openai-node 7.57.0,
        src/internal/responses/response-accumulator.ts, getContent.
    Fix: send response.content_part.added (for a summary response.reasoning_summary_part.added, for a command
        response.shell_call_command.added) before the first delta.
    """

    message = "{type} (event {position}) uses {kind} {where} before its {open}"
    fields = ("{key}",)
    by = "parts"


class ItemDoneWithoutAdded(AbsenceRule, code="NS203", severity=Severity.ERROR):
    """`response.output_item.done` closes an item that was never opened.

    Impact: Reported: for a message the AI SDK emits 'text part … not found', which aborts the run
        (BerriAI/litellm#37852). From source review (not tested): Codex is unharmed.
    Bad: created, in_progress, item-0, completed<out=1>
    Good: created, in_progress, item+0{message}, item-0, completed<out=1>
    Fine: A resumed response (`starting_after`), whose item was opened before this capture began.
    Source: Open Responses specification, section 'Items are streamable', point 1 (MUST).
    Fix: send response.output_item.added before response.output_item.done, also for an item that is complete at
        once.
    """

    message = "response.output_item.done (event {position}) closes output[{output_index}], which was never added"
    fields = ("output_index",)
    by = "items"


class WrongItemType(StructureRule, code="NS204", severity=Severity.ERROR):
    """An event is for another type of item than the one at its output_index.

    Bad: item+0{message}, …, item-0, item+1{message}, args~1, args=1, item-1
    Good: item+0{message}, …, item-0, item+1{function_call}, args~1, args=1, item-1
    Source: openai-node 7.57.0, src/internal/responses/response-accumulator.ts, validateOutputItemIdentity
        ('expected output item type'); openai-python 3.54.0, openai/lib/streaming/responses/_responses.py,
        ResponseStreamState.handle_event (asserts).
    Fix: give each item its own output_index, and send only the events of its type under it.
    """

    message = "{type} (event {position}) is expected in a {want} item, but output[{output_index}] is a {have}"
    fields = ("output_index",)
    by = "items"


class PartTypeNotAllowed(StructureRule, code="NS205", severity=Severity.ERROR):
    """A content part is opened in an item that cannot hold its type of content.

    Impact: A client that takes all content of a message for the answer shows the reasoning in it. Reported in
        ogx-ai/ogx#5458 and mudler/LocalAI#9658.
    Bad: item+0{message}, part+0.0[reasoning_text], rt~, rt=, part-0.0, item-0
    Good: item+0{reasoning}, part+0.0[reasoning_text], rt~, rt=, part-0.0, item-0
    Source: Open Responses specification, section 'Reasoning' (`content` of the reasoning item); OpenAI API
        reference (openai-openapi 2.3.0), schema OutputMessage, field content.
    Fix: stream reasoning_text in a reasoning item of its own, and only output_text and refusal in the message.
    """

    message = "{part} part (event {position}) is inside a {have} item; it is expected in a {want} item"
    by = "items"


class PartKindMismatch(StructureRule, code="NS206", severity=Severity.ERROR):
    """A delta or done event targets a content part of another type.

    Bad: item+0{message}, part+0.0[refusal], text~, text=, part-0.0, item-0
    Good: item+0{message}, part+0.0[output_text], text~, text=, part-0.0, item-0
    Source: openai-python 3.54.0, openai/lib/streaming/responses/_responses.py,
        ResponseStreamState.accumulate_event (assert content.type); openai-node 7.57.0,
        src/internal/responses/response-accumulator.ts, accumulateOutputTextEvent.
    Fix: announce the part with the type that its deltas have, and open a new part for another type.
    """

    message = "{type} (event {position}) targets a {have} part"
    by = "parts"


class ItemOpenedTwice(StructureRule, code="NS207", severity=Severity.ERROR):
    """`response.output_item.added` is repeated for the same item.

    Bad: item+0{message}, item+0{message}, part+0.0[output_text], …, item-0
    Good: item+0{message}, part+0.0[output_text], …, item-0
    Source: openai-python 3.54.0, openai/lib/streaming/responses/_responses.py,
        ResponseStreamState.accumulate_event ('Duplicate response output index'); openai-node 7.57.0,
        src/internal/responses/response-accumulator.ts, with the same error.
    Fix: send response.output_item.added once for each item.
    """

    message = "response.output_item.added is repeated for output[{output_index}] (event {position})"
    fields = ("output_index",)
    by = "items"


class PartOpenedTwice(StructureRule, code="NS208", severity=Severity.ERROR):
    """A content part, summary part or command is opened a second time.

    Impact: From source review (not tested): openai-python adds a second part to its snapshot, and the text lands in
        the first.
    Bad: item+0{message}, part+0.0[output_text], part+0.0[output_text], text~, text=, part-0.0, item-0
    Good: item+0{message}, part+0.0[output_text], text~, text=, part-0.0, item-0
    Source: openai-node 7.57.0, src/internal/responses/response-accumulator.ts, validateArrayAppend.
    Fix: send the opening event once for each part.
    """

    message = "{open} is repeated for {where} (event {position})"
    fields = ("{key}",)
    by = "parts"


class PartPrefilled(StructureRule, code="NS209", severity=Severity.WARNING):
    """An item is added with content already in it, which is then sent again by its own events.

    Bad: item+0{message, content:[output_text]}, part+0.0[output_text], text~, …
    Good: item+0{message, content:[]}, part+0.0[output_text], text~, …
    Source: Open Responses specification, section "Items are streamable" (content is empty when an item is added);
        openai-node, response-accumulator.ts, validateArrayAppend.
    Fix: send `content: []` in response.output_item.added, and the content by its own events.
    """

    message = "output[{output_index}] was added with content that event {position} sends again"
    fields = ("part",)
    on = ("response.content_part.added",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A part that is opened: did its item come with content?"""
        item = scope.parent if scope is not None else None
        if item is None or not item.added.get("content"):
            return
        if known := item.findings.get(self.code):
            known.add(event.position)
        else:
            item.findings[self.code] = self.found(event.position, item.place)


class ItemClosedTwice(StructureRule, code="NS210", severity=Severity.ERROR):
    """`response.output_item.done` is repeated for the same item.

    Impact: From source review (not tested): Codex hands the item on twice, so that a tool call may run twice.
    Bad: item+0{message}, …, item-0, item-0
    Good: item+0{message}, …, item-0
    Source: Open Responses specification, section 'Items are state machines': no updates after a terminal status.
    Fix: send response.output_item.done once for each item.
    """

    message = "response.output_item.done is repeated for output[{output_index}] (event {position})"
    fields = ("output_index",)
    by = "items"
