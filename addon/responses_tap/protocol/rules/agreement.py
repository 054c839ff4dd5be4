"""AG6xx: what was streamed is what was stated in the end."""

from responses_tap.protocol.agreement import differing_field, matched_output
from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule
from responses_tap.protocol.scopes import Scope


class TextDoneDiffers(Rule, code="AG601", severity=Severity.ERROR):
    """The done event of a text differs from the sum of its deltas.

    Impact: streamed and stored answer differ; openai-node snapshot jumps.
    Bad: text~'Hel',text~'lo',text='Hel'
    Good: text~'Hel', text~'lo', text='Hello'
    Source: openai-python: text that is finalized.
    Fix: accumulate exactly what was sent.
    """

    message = "{type} at {position} of {where} differs from its deltas ({difference})"


class PartDoneDiffers(Rule, code="AG602", severity=Severity.ERROR):
    """A closed part differs from what its done event said.

    Impact: same.
    Bad: text='Hello', part-'Hel'
    Good: text='Hello', part-'Hello'
    Source: Open Responses, part is then closed.
    Fix: same string.
    """

    message = "{type} at {position} of {where} differs from the text before it ({difference})"


class ItemContentDiffers(Rule, code="AG603", severity=Severity.ERROR):
    """A done item differs from its closed parts or its finished value.

    Impact: codex shows the item text, others the deltas; openai-openai-python and openai-node final
        response wrong.
    Bad: part-'Hello', item-'Hel'
    Good: part-'Hello', item-'Hello'
    Source: Open Responses, items.
    Fix: build the item from the parts.
    """

    message = "output_item.done {output_index}: {path} differs from what was streamed ({difference})"


class ArgumentsDiffer(Rule, code="AG604", severity=Severity.ERROR):
    """The done event of arguments, input or code differs from the sum of its deltas.

    Impact: AI SDK, agents call the tool with the item.done arguments, langchain with the deltas;
        pydantic-ai warns and keeps deltas; cc-switch#6481 empty done wipes arguments.
    Bad: args~'{}',args='{"a":1}'
    Good: args~'{"a":', args~'1}', args='{"a":1}'
    Fine: a recording whose secrets were replaced after the fact.
    Source: openai-python.
    Fix: same JSON text; never re-serialise; empty done is wrong too.
    """

    message = "{type} at {position} of item {where} differs from its deltas ({difference})"


class TerminalItemDiffers(Rule, code="AG605", severity=Severity.ERROR):
    """An item in the terminal event differs from its `response.output_item.done`.

    Impact: openai-openai-python and openai-node final response and agents history differ from what was
        shown. Never compare encrypted_content, fingerprint.
    Bad: item-'Hello', completed'Other'
    Good: item-'Hello', completed'Hello'
    Fine: encrypted_content and fingerprint: OpenAI encrypts them anew.
    Source: Open Responses, response snapshot.
    Fix: use the same items.
    """

    message = "response.output[{index}].{field} differs from output_item.done"

    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: does each item say what its done event said?"""
        for index, entry, item in matched_output(self._response, event.object("response")):
            if item is None or item.final is None:
                continue
            if field := differing_field(item, entry):
                self.found(event.position, {"output_index": index}, index=index, field=field)


class TerminalOutputEmpty(Rule, code="AG606", severity=Severity.ERROR):
    """The terminal event has no output, though items were streamed.

    Impact: openai-openai-python and openai-node get_final_response() empty; output null: TypeError in
        langchain, pydantic-ai, openai-python <=2.x, openai-node 6. Profile codex: note.
    Bad: item-0, completed<out=0>
    Good: item-0, completed<out=1>
    Fine: the backend of Codex (profile codex).
    Source: Open Responses, response.output; new-api#4362.
    Fix: put the items into response.output.
    """

    message = "{type} has no output although {items} item(s) were streamed"

    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: has it the items that were streamed?"""
        items = [item for item in self._response.every_item if not item.virtual]
        if items and not event.object("response").get("output"):
            self.found(event.position, type=event.type, items=len(items))


class TerminalOutputOrder(Rule, code="AG607", severity=Severity.ERROR):
    """The terminal event lists the items in another order, or leaves some out.

    Impact: recovering clients abort (openclaw, sub2api#6118, surogate#175).
    Bad: idx0=msg,idx1=rs; output=[rs,msg]
    Good: idx0=rs, idx1=msg; output=[rs, msg]
    Source: openai-python output_index.
    Fix: order output by output_index, drop nothing.
    """

    message = "{detail} in the output of {type} at {position}"

    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: are the items there, in the order of their output_index?"""
        listed = [item for _, _, item in matched_output(self._response, event.object("response")) if item]
        if not listed:
            return  # AG606 or MD311 tells it
        keys = [item.key for item in listed if isinstance(item.key, int)]
        if keys != sorted(keys):
            self.found(event.position, type=event.type, detail=f"the items stand in the order {keys}")
        for item in self._response.every_item:
            if item.closed is not None and not item.virtual and item not in listed:
                detail = f"{item.type or 'item'} {item.key} is left out"
                self.found(event.position, item.place, type=event.type, detail=detail)


class ItemFieldChanged(Rule, code="AG610", severity=Severity.ERROR):
    """A field that is fixed when an item is added has another value when it is done.

    Impact: openai-node 7 exception (type); AI SDK calls the first name.
    Bad: item+{name:f}, item-{name:g}
    Good: item+{name:f}, item-{name:f}
    Source: openai-node 'expected output item type'.
    Fix: type, name, role are fixed at added.
    """

    message = "item {output_index}: {field} is {after} in done, {before} in added"

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
