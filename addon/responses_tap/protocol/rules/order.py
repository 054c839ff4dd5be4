"""OR4xx: one thing after another."""

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule


class DeltaAfterDone(Rule, code="OR401", severity=Severity.ERROR):
    """A delta, or a second done event, follows the done event of its text or value.

    Impact: text doubled or cut depending on client.
    Bad: text=, text~
    Good: text~, text~, text=
    Source: OR: deltas end with <type>.done.
    Fix: send all deltas before done.
    """

    message = "{type} at {position} after the text or value of {where} was done"


class EventAfterItemDone(Rule, code="OR402", severity=Severity.ERROR):
    """An event of an item follows its `response.output_item.done`.

    Impact: openai-openai-python and openai-node snapshot 'Hellolo', langchain/pydantic-ai/litellm
        double text; AI SDK 'text part not found'.
    Bad: item-0, text~0.0
    Good: text~, text=, part-0.0, item-0
    Source: Open Responses, completed is terminal, no updates.
    Fix: close the item last.
    """

    message = "{type} at {position} after output_item.done of {output_index}"


class DoneAfterClose(Rule, code="OR403", severity=Severity.WARNING):
    """An event of a part follows the part's closing event.

    Impact: none tested fails.
    Bad: part-0.0, text=0.0
    Good: text=, part-0.0
    Source: Open Responses, Items are streamable (2).
    Fix: order: text.done, part.done, item.done.
    """

    message = "{type} at {position} after {close} of {where}"


class ProgressOrder(Rule, code="OR404", severity=Severity.WARNING):
    """An item's progress goes backwards.

    Impact: node item status goes backwards.
    Bad: ws.completed, ws.searching
    Good: ws.in_progress, ws.searching, ws.completed
    Fine: `mcp_call.in_progress` repeated after an approval.
    Source: openai-python docstrings (in_progress, searching, completed).
    Fix: follow the documented order.
    """

    message = "{type} at {position} after a later stage of output_index {output_index}"


class PartsOverlap(Rule, code="OR405", severity=Severity.WARNING):
    """A part is opened while another part of the same item is open.

    Impact: index-unaware clients mix the texts.
    Bad: part+0.0, part+0.1, part-0.0
    Good: part+0.0, part-0.0, part+0.1, part-0.1
    Fine: different items may interleave.
    Source: Open Responses, Items MAY emit multiple parts, following the pattern above.
    Fix: finish one part before the next (different items may interleave).
    """

    message = "part {where} opened at {position} while part {other} is open"
