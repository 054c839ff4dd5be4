"""MD3xx: what began was finished, and what was finished had begun."""

from responses_tap.protocol.events import Event, string
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.grammar import LAST_STAGE
from responses_tap.protocol.rules.rule import AbsenceRule
from responses_tap.protocol.scopes import Scope
from responses_tap.protocol.stated_values import matched_output


class TextDoneMissing(AbsenceRule, code="MD301", severity=Severity.ERROR):
    """An output_text part is closed, but `response.output_text.done` is never sent.

    Impact: From source review (not tested): openai-python's stream() has no event with the `parsed` structured
        output, blocks of langchain-openai's responses/v1 format get no id, and consumers that wait for the final
        text never receive it. Reported in ogx-ai/ogx#5309.
    Bad: item+0{message}, part+0.0[output_text], text~, part-0.0, item-0
    Good: item+0{message}, part+0.0[output_text], text~, text=, part-0.0, item-0
    Fine: A part that is still open when the stream is truncated or the response fails.
    Source: Open Responses specification, section 'Items are streamable', point 2: the deltas end with the done
        event of their content type; openai-python 3.54.0, openai/types/responses/response_text_done_event.py,
        class ResponseTextDoneEvent.
    Fix: emit output_text.done, with the full text and logprobs, before content_part.done.
    """

    message = "output_text part {where} closed (event {position}) without response.output_text.done"
    by = "parts"


class ReasoningTextDoneMissing(AbsenceRule, code="MD302", severity=Severity.WARNING):
    """A reasoning_text part is closed, but `response.reasoning_text.done` is never sent.

    Bad: item+0{reasoning}, part+0.0[reasoning_text], rt~, part-0.0, item-0
    Good: item+0{reasoning}, part+0.0[reasoning_text], rt~, rt=, part-0.0, item-0
    Fine: A part that is still open when the stream is truncated or the response fails.
    Source: Open Responses specification, section 'Items are streamable', point 2: the deltas end with the done
        event of their content type; openai-python 3.54.0,
        openai/types/responses/response_reasoning_text_done_event.py, class ResponseReasoningTextDoneEvent.
    Fix: emit reasoning_text.done, with the full text, before content_part.done.
    """

    message = "reasoning_text part {where} closed (event {position}) without response.reasoning_text.done"
    by = "parts"


class RefusalDoneMissing(AbsenceRule, code="MD303", severity=Severity.ERROR):
    """A refusal part is closed, but `response.refusal.done` is never sent.

    Bad: item+0{message}, part+0.0[refusal], refusal~, part-0.0, item-0
    Good: item+0{message}, part+0.0[refusal], refusal~, refusal=, part-0.0, item-0
    Fine: A part that is still open when the stream is truncated or the response fails.
    Source: Open Responses specification, section 'Items are streamable', point 2: the deltas end with the done
        event of their content type; openai-python 3.54.0, openai/types/responses/response_refusal_done_event.py,
        class ResponseRefusalDoneEvent.
    Fix: emit refusal.done, with the full refusal, before content_part.done.
    """

    message = "refusal part {where} closed (event {position}) without response.refusal.done"
    by = "parts"


class SummaryTextDoneMissing(AbsenceRule, code="MD304", severity=Severity.WARNING):
    """A summary part is closed, but `response.reasoning_summary_text.done` is never sent.

    Bad: item+0{reasoning}, sp+0.0, st~, sp-0.0, item-0
    Good: item+0{reasoning}, sp+0.0, st~, st=, sp-0.0, item-0
    Fine: A part that is still open when the stream is truncated or the response fails.
    Source: openai-python 3.54.0, openai/types/responses/response_reasoning_summary_text_done_event.py, class
        ResponseReasoningSummaryTextDoneEvent; 71 of 71 recorded summary texts.
    Fix: emit reasoning_summary_text.done, with the full text, before reasoning_summary_part.done.
    """

    message = "summary part {where} closed (event {position}) without response.reasoning_summary_text.done"
    by = "parts"


class PartNotClosed(AbsenceRule, code="MD305", severity=Severity.ERROR):
    """An item is done while one of its parts is still open.

    Bad: item+0{message}, part+0.0[output_text], text~, text=, item-0
    Good: item+0{message}, part+0.0[output_text], text~, text=, part-0.0, item-0
    Source: Open Responses specification, section 'Items are streamable', point 2: the part is then closed with
        response.content_part.done.
    Fix: emit {content_part.done (for a summary reasoning_summary_part.done, for a command shell_call_command.done)}
        before output_item.done.
    """

    message = "{kind} {where} is still open when its item is closed (event {position})"
    by = "items"


class ItemNotClosed(AbsenceRule, code="MD306", severity=Severity.ERROR):
    """The response completed, but `response.output_item.done` is never sent for one of its items.

    Impact: From source review (not tested): Codex shows nothing and runs no tool (router-for-me/CLIProxyAPI#4860),
        and openai-agents cannot refill an empty `output`.
    Bad: item+0{function_call}, args~0, args=0, completed<out=1>
    Good: item+0{function_call}, args~0, args=0, item-0, completed<out=1>
    Fine: A response that failed or was truncated. One that ended incomplete is rule LC109.
    Source: Open Responses specification, section 'Items are streamable', point 3: the item is closed with
        response.output_item.done.
    Fix: emit output_item.done with the finished item before the terminal event.
    """

    message = "the {have} at output[{output_index}] has no response.output_item.done before response.completed"
    by = "scope_tree"


class ValueDoneMissing(AbsenceRule, code="MD307", severity=Severity.WARNING):
    """A call is done, but the event with its complete arguments, input or code is never sent.

    Impact: From source review (not tested): the AI SDK needs code_interpreter_call_code.done to emit a code
        interpreter call, and the MCP arguments of pydantic-ai stay unclosed JSON.
    Bad: item+0{function_call}, args~0, item-0
    Good: item+0{function_call}, args~0, args=0, item-0
    Fine: A call whose value is empty, and apply_patch_call, where not every operation has a diff. A call that has no
        deltas either, only its item, is a note.
    Source: openai-python 3.54.0, openai/types/responses/response_function_call_arguments_done_event.py, class
        ResponseFunctionCallArgumentsDoneEvent, and its siblings; for function calls 642 recorded OpenAI streams,
        without exception.
    Fix: emit {function_call_arguments.done (custom_tool_call_input.done, mcp_call_arguments.done,
        code_interpreter_call_code.done)} before output_item.done.
    """

    message = "the {have} at output[{output_index}] closed (event {position}) without {missing}"
    by = "items"


class ProgressUnfinished(AbsenceRule, code="MD308", severity=Severity.NOTE):
    """A tool call is done, but the last of its progress events is never sent.

    Bad: item+0{web_search_call}, ws.in_progress, ws.searching, item-0
    Good: item+0{web_search_call}, ws.in_progress, ws.searching, ws.completed, item-0
    Fine: Azure sends no `.completed` for web search and image generation.
    Source: openai-python 3.54.0, docstrings of the progress events of each tool.
    Fix: send the `.completed` (or `.failed`) event before output_item.done.
    """

    message = "the {have} at output[{output_index}] closed (event {position}) without {missing}"
    on = ("response.output_item.done",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A done item: did it reach the last of its stages?"""
        if scope is None or scope.closed != event.position or not scope.progress:
            return
        last = LAST_STAGE.get(scope.type or "")
        if last is not None and scope.progress < last.order and event.object("item").get("status") != "failed":
            self.found(event.position, scope.place, missing=last.type, have=scope.type)


class DeltasMissing(AbsenceRule, code="MD309", severity=Severity.WARNING):
    """Text was delivered only in its done event; no deltas were streamed.

    Impact: Reported in Sophomoresty/gemini-web2api#57.
    Bad: item+0{message}, part+0.0[output_text], text='Hello', part-0.0, item-0
    Good: item+0{message}, part+0.0[output_text], text~'Hello', text='Hello', part-0.0, item-0
    Fine: An empty text. Arguments and inputs without deltas are only a note: LM Studio and gpt-5.3-codex-spark
        send them so (BerriAI/litellm#27792). So is a reasoning that only its item has.
    Source: Open Responses specification, section 'Streaming', paragraph 'Delta Events': all streamable objects
        must follow this pattern.
    Fix: send the text in at least one delta before its done event.
    """

    message = "the {what} of {where} ({chars} characters) came without any deltas"
    by = "parts"


class AnnotationsNotStreamed(AbsenceRule, code="MD310", severity=Severity.WARNING):
    """A finished text part has annotations that were not streamed.

    Bad: text~, text=, part-0.0{annotations:2}
    Good: text~, annotation+0, annotation+1, text=, part-0.0{annotations:2}
    Source: openai-python 3.54.0, class ResponseOutputTextAnnotationAddedEvent; recorded OpenAI streams, where the
        counts always agree.
    Fix: send response.output_text.annotation.added for each annotation, before output_text.done.
    """

    message = "annotations of {where}: {final} in the closed part, {streamed} streamed"
    fields = ("part.annotations",)
    on = ("response.content_part.done",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A closed part: were all its annotations streamed?"""
        if scope is None or scope.closed != event.position or scope.excused or self._response.partial:
            return
        annotations = event.object("part").get("annotations")
        if isinstance(annotations, list) and len(annotations) > scope.annotations:
            self.found(event.position, scope.place, final=len(annotations), streamed=scope.annotations)


class ItemNeverStreamed(AbsenceRule, code="MD311", severity=Severity.ERROR):
    """The terminal event lists an item that was never streamed.

    Impact: From source review (not tested): Codex never sees the item. Reported in vllm-project/vllm#48274 and
        ogx-ai/ogx#5458.
    Bad: created, in_progress, completed<out=1>
    Good: created, in_progress, item+0{message}, item-0, completed<out=1>
    Fine: A resumed response. Only a warning in profile azure, because of its web searches.
    Source: Open Responses specification, section 'Items are streamable', point 1 (MUST).
    Fix: emit output_item.added and output_item.done for every item of response.output.
    """

    message = "response.output[{index}] ({have}) was never streamed"
    fields = ("response.output[{index}]",)
    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A terminal event: was each item of its output streamed?"""
        if self._response.resumed:
            return
        for index, entry, item in matched_output(self._response, event.object("response")):
            if item is None:
                self.found(event.position, {"output_index": index}, index=index, have=string(entry, "type") or "item")
