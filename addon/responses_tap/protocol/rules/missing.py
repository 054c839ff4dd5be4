"""MD3xx: what began was finished, and what was finished had begun."""

from responses_tap.protocol.agreement import matched_output
from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule
from responses_tap.protocol.scopes import Scope


class TextDoneMissing(Rule, code="MD301", severity=Severity.ERROR):
    """A text part is closed, and `response.output_text.done` never came.

    Impact: no tested client crashes or loses text; by reading: openai-python stream() has no event with
        `parsed` structured output, langchain responses/v1 block gets no id, consumers waiting for the
        final text see nothing.
    Bad: item+0, part+0.0, text~, part-0.0, item-0
    Good: part+0.0, text~, text=, part-0.0
    Fine: a part still open when the stream was cut or failed.
    Source: Open Responses, Items are streamable (2): deltas end with <type>.done; openai-python
        ResponseTextDoneEvent; ogx#5309.
    Fix: emit output_text.done with the full text and logprobs before content_part.done.
    """

    message = "output_text part {where} closed at {position} without response.output_text.done"


class ReasoningTextDoneMissing(Rule, code="MD302", severity=Severity.WARNING):
    """A reasoning part is closed, and `response.reasoning_text.done` never came.

    Impact: none tested.
    Bad: part+, rt~, part-
    Good: part+0.0, rt~, rt=, part-0.0
    Source: Open Responses, same; openai-python.
    Fix: emit reasoning_text.done.
    """

    message = "reasoning_text part {where} closed at {position} without response.reasoning_text.done"


class RefusalDoneMissing(Rule, code="MD303", severity=Severity.ERROR):
    """A refusal part is closed, and `response.refusal.done` never came.

    Impact: langchain takes the refusal only from refusal.done: refusal lost.
    Bad: part+[refusal], refusal~, part-
    Good: part+[refusal], refusal~, refusal=, part-
    Source: Open Responses, same.
    Fix: emit refusal.done.
    """

    message = "refusal part {where} closed at {position} without response.refusal.done"


class SummaryTextDoneMissing(Rule, code="MD304", severity=Severity.WARNING):
    """A summary part is closed, and `response.reasoning_summary_text.done` never came.

    Impact: none tested.
    Bad: sp+, st~, sp-
    Good: sp+, st~, st=, sp-
    Source: openai-python; recorded OpenAI streams 71/71.
    Fix: emit it.
    """

    message = "summary part {where} closed at {position} without response.reasoning_summary_text.done"


class PartNotClosed(Rule, code="MD305", severity=Severity.ERROR):
    """An item is done while one of its parts is still open.

    Impact: no tested client crashes; AI SDK with store=true keeps the reasoning part open until
        item.done.
    Bad: part+, text~, text=, item-
    Good: part+, text~, text=, part-, item-
    Source: Open Responses, Items are streamable (2): part is then closed with content_part.done.
    Fix: emit content_part.done / reasoning_summary_part.done.
    """

    message = "{kind} {where} is still open when its item is closed at {position}"


class ItemNotClosed(Rule, code="MD306", severity=Severity.ERROR):
    """The response completed, and an item was never done.

    Impact: codex shows nothing and runs no tool (CLIProxyAPI#4860); AI SDK never emits the tool call
        (finishReason stop); agents refill fails when output is empty.
    Bad: item+0, …, completed
    Good: item+0, …, item-0, completed
    Fine: a response that ended failed or incomplete, or was cut.
    Source: Open Responses, Items are streamable (3); codex sse/responses.rs uses only item.done.
    Fix: emit output_item.done with the final item.
    """

    message = "output_index {output_index} ({have}) has no response.output_item.done before response.completed"


class ValueDoneMissing(Rule, code="MD307", severity=Severity.WARNING):
    """A call is done, and the event with its whole arguments, input or code never came.

    Impact: no tested client fails; AI SDK code_interpreter needs code.done to emit the call,
        pydantic-ai mcp args stay unclosed JSON.
    Bad: item+0{function_call}, args~, item-
    Good: item+0{function_call}, args~, args=, item-
    Fine: an empty value; patches without a diff.
    Source: openai-python ResponseFunctionCallArgumentsDoneEvent …; recorded OpenAI streams 142/142.
    Fix: emit function_call_arguments.done (custom_tool_call_input.done, code.done,
        mcp_call_arguments.done).
    """

    message = "{have} {output_index} closed at {position} without {missing}"


class DeltasMissing(Rule, code="MD309", severity=Severity.WARNING):
    """A text came whole, without a single delta.

    Impact: AI SDK, pydantic-ai, langchain: answer text is empty; openai-openai-python and openai-node
        final response fine.
    Bad: part+, text='Hello', part-
    Good: part+, text~'Hello', text='Hello', part-
    Fine: an empty text. Arguments and inputs without deltas are a note: LM Studio and some Codex models
        send them so.
    Source: Open Responses, Delta events.
    Fix: send at least one delta with the text.
    """

    message = "the {what} of {where} ({chars} characters) arrived without any delta"


class ItemNeverStreamed(Rule, code="MD311", severity=Severity.ERROR):
    """The terminal event lists an item that the stream never announced.

    Impact: codex, AI SDK miss it (mcp_list_tools backfilled only by pydantic-ai).
    Bad: created, completed<out=1>
    Good: created, item+0, item-0, completed<out=1>
    Fine: a resumed response.
    Source: Open Responses, Items are streamable (1).
    Fix: emit added/done for each item.
    """

    message = "response.output[{index}] ({have}) was never announced in the stream"

    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: was each item of its output streamed?"""
        if self._response.resumed:
            return
        for index, entry, item in matched_output(self._response, event.object("response")):
            if item is None:
                self.found(event.position, {"output_index": index}, index=index, have=entry.get("type", "item"))
