"""OR4xx: one thing after another."""

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import StructureRule
from responses_tap.protocol.scopes import Scope


class DeltaAfterDone(StructureRule, code="OR401", severity=Severity.ERROR):
    """A delta, or a second done event, follows the done event of its text or value.

    Impact: Clients that concatenate the deltas and clients that take the done event get different texts: doubled for
        the former or truncated for the latter.
    Bad: part+0.0[output_text], text~'Hel', text='Hello', text~'lo', part-0.0
    Good: part+0.0[output_text], text~'Hel', text~'lo', text='Hello', part-0.0
    Source: Open Responses specification, section 'Items are streamable', point 2: the deltas end with the done
        event of their content type.
    Fix: send all deltas first, and then the done event once.
    """

    message = "{type} (event {position}) follows the done event of {where}"
    by = "parts"


class EventAfterItemDone(StructureRule, code="OR402", severity=Severity.ERROR):
    """An event of an item follows the item's `response.output_item.done`.

    Bad: …, text~'Hel', text='Hello', part-0.0, item-0, text~'lo'
    Good: …, text~'Hel', text~'lo', text='Hello', part-0.0, item-0
    Source: Open Responses specification, section 'Items are state machines': no updates may be made to an item
        that is completed.
    Fix: send response.output_item.done after all other events of the item.
    """

    message = "{type} (event {position}) follows response.output_item.done of output[{output_index}]"
    by = "items"


class DoneAfterClose(StructureRule, code="OR403", severity=Severity.WARNING):
    """An event of a part follows the end of the part.

    Bad: part+0.0[output_text], text~, part-0.0, text=, item-0
    Good: part+0.0[output_text], text~, text=, part-0.0, item-0
    Source: Open Responses specification, section 'Items are streamable', point 2.
    Fix: send output_text.done, content_part.done and output_item.done in this order.
    """

    message = "{type} (event {position}) follows {close} of {where}"
    by = "parts"


class ProgressOrder(StructureRule, code="OR404", severity=Severity.WARNING):
    """Progress events of a tool call are out of order.

    Impact: From source review (not tested): the item's status goes backwards in openai-node until the item is done.
    Bad: web_search_call.in_progress, web_search_call.completed, web_search_call.searching
    Good: web_search_call.in_progress, web_search_call.searching, web_search_call.completed
    Fine: `mcp_call.in_progress` repeated after an approval: OpenAI sends it so.
    Source: openai-python 3.54.0, openai/types/responses/response_web_search_call_searching_event.py, class
        ResponseWebSearchCallSearchingEvent, and its siblings; for web and file search 642 recorded OpenAI streams,
        without exception.
    Fix: send the progress events of an item in the documented order.
    """

    message = "{type} (event {position}) follows a later progress event of output[{output_index}]"
    by = "items"


class PartsOverlap(StructureRule, code="OR405", severity=Severity.WARNING):
    """A part is opened while another part of the same item is still open.

    Impact: A client that does not look at content_index mixes the texts of the two parts.
    Bad: part+0.0[output_text], text~0.0, text=0.0, part+0.1[output_text], part-0.0, text~0.1, text=0.1, part-0.1
    Good: part+0.0[output_text], text~0.0, text=0.0, part-0.0, part+0.1[output_text], text~0.1, text=0.1, part-0.1
    Fine: Different items may interleave: an item may be opened while another is open.
    Source: Open Responses specification, section 'Items are streamable', point 3: an item may emit multiple
        content parts, following the pattern of point 2.
    Fix: close one part before opening the next of the same item.
    """

    message = "part {where} is opened (event {position}) while part {other} is open"
    fields = ("{key}",)
    by = "parts"


class ItemAfterIncomplete(StructureRule, code="OR406", severity=Severity.NOTE):
    """An item starts after another item ended incomplete.

    Bad: item+0, item-0{incomplete}, item+1
    Good: item+0, item-0{incomplete}, incomplete
    Source: Open Responses specification, section "Items are state machines": an incomplete item is the last one.
    Fix: end the response with response.incomplete.
    """

    message = "output[{output_index}] starts (event {position}) after {other} ended incomplete"
    on = ("response.output_item.added",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A new item: is every earlier one whole?"""
        for item in self._response.every_item:
            if scope is not None and item is not scope and (item.final or {}).get("status") == "incomplete":
                self.found(event.position, scope.place, other=item.label)
                return
