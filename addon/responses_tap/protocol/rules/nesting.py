"""NS2xx: what is used was opened, in the right place."""

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule


class ItemNotOpened(Rule, code="NS201", severity=Severity.ERROR):
    """An event uses an item that no `response.output_item.added` has opened.

    Impact: openai-python 3.x RuntimeError, <=2.x IndexError; openai-node OpenAIError; AI SDK
        'text/reasoning part … not found', text empty (v6 TypeError); codex drops deltas ('without
        active item'); langchain tool call without name; agents, pydantic-ai, litellm unharmed.
    Bad: created, in_progress, rt~0, …
    Good: created, in_progress, item+0, part+0.0, …
    Fine: a resumed response, whose item was opened before this capture began.
    Source: Open Responses, Items are streamable (1) MUST; openai-node getOutput.
    Fix: send response.output_item.added (status in_progress, empty content) before anything else of the
        item.
    """

    message = "{type} at {position} uses output_index {output_index} before its response.output_item.added"


class PartNotOpened(Rule, code="NS202", severity=Severity.ERROR):
    """A text, summary or command event uses a part that was never opened.

    Impact: openai-python IndexError (all versions); openai-node OpenAIError (also for summary and
        reasoning parts); AI SDK, langchain, agents, pydantic-ai, codex unharmed.
    Bad: item+0, text~0.0
    Good: item+0, part+0.0, text~0.0
    Fine: a resumed response.
    Source: Open Responses, Items are streamable (2) MUST; openai-node getContent.
    Fix: send response.content_part.added / reasoning_summary_part.added first.
    """

    message = "{type} at {position} uses {kind} {where} before its {open}"


class ItemDoneWithoutAdded(Rule, code="NS203", severity=Severity.ERROR):
    """An item is done that was never added.

    Impact: openai-node 'missing output at index'; AI SDK 'text part … not found' aborts the run
        (litellm#37852); codex unharmed.
    Bad: created, item-0, completed
    Good: item+0, …, item-0
    Fine: a resumed response.
    Source: Open Responses, Items are streamable (1).
    Fix: send added before done.
    """

    message = "response.output_item.done at {position} closes output_index {output_index}, which was never opened"


class WrongItemType(Rule, code="NS204", severity=Severity.ERROR):
    """An event belongs into an item of another type.

    Impact: openai-python AssertionError/ignored; openai-node OpenAIError; langchain merges wrong
        blocks.
    Bad: item+0{message}, args~0
    Good: item+0{message}, …, item+1{function_call}, args~1
    Source: openai-node expectedOutputItemTypes; openai-python assert.
    Fix: give each item its own output_index and send events of its own type.
    """

    message = "{type} at {position} belongs into a {want} item, but output_index {output_index} is a {have}"


class PartTypeNotAllowed(Rule, code="NS205", severity=Severity.ERROR):
    """A part stands in an item that cannot hold its type of content.

    Impact: reasoning lost or shown as answer: AI SDK no reasoning, pydantic-ai empty thinking part;
        openai-node OpenAIError.
    Bad: item+0{message}, part+0.0[reasoning_text]
    Good: item+0{reasoning}, part+0.0[reasoning_text], rt~, rt=, part-0.0, item-0, item+1{message}, …
    Source: Open Responses, Reasoning (content of the reasoning item); openapi OutputMessage.content.
    Fix: open a separate reasoning item for reasoning_text.
    """

    message = "{part} part at {position} is inside a {have} item; it belongs into a {want} item"


class PartKindMismatch(Rule, code="NS206", severity=Severity.ERROR):
    """A delta or done event writes into a part of another type.

    Impact: openai-python AssertionError; openai-node OpenAIError.
    Bad: part+0.0[refusal], text~0.0
    Good: part+0.0[output_text], text~0.0
    Source: openai-python assert content.type; openai-node.
    Fix: announce the part with the type its deltas have.
    """

    message = "{type} at {position} writes into a {have} part"


class ItemOpenedTwice(Rule, code="NS207", severity=Severity.ERROR):
    """An item is added a second time.

    Impact: openai-python >=3 RuntimeError (AssertionError before), openai-node 7 OpenAIError; AI SDK,
        agents, langchain, pydantic-ai unharmed.
    Bad: item+0, item+0
    Good: item+0, …, item-0
    Source: openai-python 'Duplicate response output index'; openai-node.
    Fix: send added once.
    """

    message = "response.output_item.added repeated at {position} for output_index {output_index}"


class PartOpenedTwice(Rule, code="NS208", severity=Severity.ERROR):
    """A part is opened a second time.

    Impact: by reading: openai-node OpenAIError; openai-python adds a second part, text lands in the
        first.
    Bad: part+0.0, part+0.0
    Good: part+0.0, …, part-0.0
    Source: openai-node validateArrayAppend.
    Fix: send it once.
    """

    message = "{open} repeated at {position} for {where}"


class ItemClosedTwice(Rule, code="NS210", severity=Severity.ERROR):
    """An item is done a second time.

    Impact: AI SDK error part 'text part not found'; by reading: codex hands the item on twice (tool
        call may run twice).
    Bad: item-0, item-0
    Good: …, item-0
    Source: Open Responses, terminal item state.
    Fix: send it once.
    """

    message = "response.output_item.done repeated at {position} for output_index {output_index}"
