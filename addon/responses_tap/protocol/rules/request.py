"""RQ0xx: the response does what its request asked for, as far as that is known, or repeated by the response."""

import re
from typing import Any

from responses_tap.protocol.events import Event, is_json, string
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.grammar import TERMINALS
from responses_tap.protocol.request_facts import Tool, tools_of
from responses_tap.protocol.rules.rule import Rule
from responses_tap.protocol.scopes import ResponseScope, Scope

_CALLS = {"function_call": "function", "custom_tool_call": "custom"}
"""Items that call a tool of the client's, and how such a tool is declared."""
_NAMED = frozenset(("function", "custom"))
"""The types of tools whose names are all that can be called; with others (MCP, namespaces) more may be."""
_MARKUP = re.compile(r"<tool_call>|<function=|\[TOOL_CALLS\]|<\|tool|<\|python_tag\|>")
_JSON_FORMATS = frozenset(("json_schema", "json_object"))


def _tools(response: ResponseScope) -> tuple[Tool, ...]:
    """The tools that the response repeats, else those of the request."""
    return tools_of(response.snapshot) or response.request.tools


def _is_call(item: Scope) -> bool:
    return (item.type or "").endswith("_call")


class CallTypeDiffers(Rule, code="RQ001", severity=Severity.WARNING):
    """A tool is called by another type of item than it was declared for.

    Impact: A `custom` tool called as `function_call` has arguments where its program expects an input.
    Bad: tools:[{custom, name:a}], item+0{function_call, name:a}
    Good: tools:[{custom, name:a}], item+0{custom_tool_call, name:a}
    Source: OpenAI API reference (openai-openapi 2.3.0), schemas FunctionToolCall and CustomToolCall.
    Fix: call a `function` tool by a function_call item, a `custom` tool by a custom_tool_call item.
    """

    message = "{name} is declared as a {want} tool but called by a {have}"
    fields = ("item.type",)
    on = ("response.output_item.added",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A call: is it of the type that its tool was declared with?"""
        item = event.object("item")
        want, name = _CALLS.get(string(item, "type") or ""), string(item, "name")
        declared = {tool.type for tool in _tools(self._response) if tool.name == name}
        if want is not None and name and len(declared & _NAMED) == 1 and want not in declared:
            self.found_once(event.position, name=name, want=next(iter(declared & _NAMED)), have=item["type"])


class ToolNotDeclared(Rule, code="RQ002", severity=Severity.WARNING):
    """A call names a tool that the request did not declare.

    Impact: The client has nothing to run.
    Bad: tools:[{function, name:a}], item+0{function_call, name:b}
    Good: tools:[{function, name:a}], item+0{function_call, name:a}
    Fine: where the response repeats no tools, or has tools of other types (MCP, namespaces), which bring names of
        their own.
    Source: OpenAI API reference (openai-openapi 2.3.0), schema Response, `tools`.
    Fix: call only tools of the request, by the names it has for them.
    """

    message = "a call names the tool {name}, which is not among the declared tools ({n})"
    fields = ("item.name",)
    on = ("response.output_item.added",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A call: is its tool one of the request's?"""
        item, tools = event.object("item"), _tools(self._response)
        name = string(item, "name")
        if string(item, "type") not in _CALLS or not name or not tools or item.get("namespace"):
            return
        if all(tool.type in _NAMED for tool in tools) and name not in {tool.name for tool in tools}:
            self.found_once(event.position, name=name, n=len(tools))


class ToolChoiceIgnored(Rule, code="RQ003", severity=Severity.NOTE):
    """The response calls a tool although `tool_choice` forbids it, or calls none although it demands one.

    Impact: The program that asked waits for a call, or gets one it cannot use.
    Bad: tool_choice:required, item+0{message}, item-0, completed
    Good: tool_choice:required, item+0{function_call}, item-0, completed
    Source: OpenAI API reference (openai-openapi 2.3.0), schema ToolChoiceOptions.
    Fix: constrain decoding by `tool_choice`, or say in the documentation that it is ignored.
    """

    message = "tool_choice is {choice}, but the response has {what}"
    fields = ("response.tool_choice",)
    on = ("response.completed",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A completed response: does it call what it has to?"""
        choice = event.object("response").get("tool_choice")
        calls = [item for item in self._response.every_item if _is_call(item)]
        if choice == "none" and calls:
            self.found(event.position, choice=choice, what=f"a {calls[0].type}")
        named = isinstance(choice, dict) and string(choice, "type") in _NAMED
        if (choice == "required" or named) and not calls:
            name = choice.get("name") if isinstance(choice, dict) else choice
            self.found(event.position, choice=name, what="no call")


class ToolCallAsText(Rule, code="RQ004", severity=Severity.NOTE):
    """The markup of a tool call is in the text of a message.

    Impact: The call is shown to the user instead of being run.
    Bad: tools:[{function, name:a}], text='<tool_call>{"name": "a"}</tool_call>'
    Good: tools:[{function, name:a}], item+0{function_call, name:a}
    Fine: a model that explains such markup; hence a note.
    Source: the chat templates of Hermes, Qwen, Llama and Mistral models.
    Fix: give the server the tool parser of this model.
    """

    message = "the text (event {position}) has {markup}: the server's tool parser did not match"
    fields = ("text",)
    on = ("response.output_text.done",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A finished text: is there a call in it?"""
        found = _MARKUP.search(event.string("text") or "")
        if found and _tools(self._response):
            self.found_once(event.position, markup=found[0])


class FormatIgnored(Rule, code="RQ005", severity=Severity.WARNING):
    """`text.format` asks for JSON, but the text of a completed response is not JSON.

    Impact: Every program that parses it fails.
    Bad: text.format:{json_object}, text='Sure! {…}', completed
    Good: text.format:{json_object}, text='{…}', completed
    Fine: a refusal, or a response that is incomplete.
    Source: OpenAI API reference (openai-openapi 2.3.0), schema TextResponseFormatConfiguration.
    Fix: constrain decoding to JSON, or to the schema.
    """

    message = "text.format is {format}, but the text of output[{output_index}] is not JSON"
    fields = ("response.text.format",)
    on = ("response.completed",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A completed response: is its text what was asked for?"""
        if string(event.object("response"), "status") == "incomplete":
            return  # ST701 tells it
        text = event.object("response").get("text")
        format_ = text.get("format") if isinstance(text, dict) else None
        kind = format_.get("type") if isinstance(format_, dict) else None
        if not isinstance(kind, str) or kind not in _JSON_FORMATS:
            return
        for item in self._response.every_item:
            said = _text_of(item.final or {})
            if said and not is_json(said):
                self.found(event.position, item.place, format=kind)
                return


class LimitExceeded(Rule, code="RQ006", severity=Severity.NOTE):
    """The response exceeds a limit of its request.

    Impact: It costs more than was agreed to.
    Bad: max_output_tokens:100, usage:{output_tokens:250}
    Good: max_output_tokens:100, usage:{output_tokens:100}, incomplete
    Fine: a server that counts reasoning otherwise; hence a note.
    Source: OpenAI API reference, Create a response, parameters max_output_tokens and max_tool_calls (built-in tools).
    Fix: stop at the limit, and end with response.incomplete.
    """

    message = "{name} is {limit}, but the response has {have}"
    fields = ("response.{name}",)
    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A finished response: did it keep to its limits?"""
        request, snapshot = self._response.request, event.object("response")
        items = self._response.every_item
        calls = sum(_is_call(item) and item.type not in _CALLS for item in items)
        used = (self._response.usage or {}).get("output_tokens")
        for name, known, have in (
            ("max_output_tokens", request.max_output_tokens, used),
            ("max_tool_calls", request.max_tool_calls, calls),
        ):
            limit = snapshot.get(name) or known
            if type(limit) is int and type(have) is int and have > limit > 0:
                self.found(event.position, name=name, limit=limit, have=have)


class PreviousResponseDiffers(Rule, code="RQ007", severity=Severity.WARNING):
    """The response names another `previous_response_id` than the request, or none.

    Impact: The conversation is silently lost: the model does not see the earlier turns.
    Bad: a request with previous_response_id:a, completed<previous_response_id:null>
    Good: a request with previous_response_id:a, completed<previous_response_id:a>
    Source: OpenAI API reference, The response object, previous_response_id.
    Fix: continue that response and repeat its id, or refuse the request.
    """

    message = "the request continues {want}, but the response says {have}"
    fields = ("response.previous_response_id",)
    on = TERMINALS

    def check(self, event: Event, scope: Scope | None) -> None:
        """A finished response: is it the continuation of the right one?"""
        want = self._response.request.previous_response_id
        have = event.object("response").get("previous_response_id")
        if want is not None and "response" in event.data and have != want:
            self.found(event.position, want=want, have=have or "none")


def _text_of(item: dict[str, Any]) -> str:
    content = item.get("content") if item.get("type") == "message" else None
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if part.get("type") == "output_text"]
    return "".join(text for text in texts if isinstance(text, str))
