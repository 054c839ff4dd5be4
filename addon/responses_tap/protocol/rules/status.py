"""ST7xx: each status says what happened."""

import json
from typing import Any

from responses_tap.protocol.events import Event, string
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.grammar import TERMINALS
from responses_tap.protocol.objects import STATUSES
from responses_tap.protocol.rules.rule import Rule
from responses_tap.protocol.scopes import Scope
from responses_tap.protocol.stated_values import final_items

_GENERATED = frozenset(("message", "reasoning", "function_call", "custom_tool_call"))
"""Items that the model writes: where one is incomplete, the response was cut. A tool's own end is another matter."""
_TOTALS = ("input_tokens", "output_tokens", "total_tokens")
_DETAILS = {"input_tokens_details": "cached_tokens", "output_tokens_details": "reasoning_tokens"}


class ResponseStatusMismatch(Rule, code="ST701", severity=Severity.ERROR):
    """A lifecycle event has a response status that contradicts its type.

    Impact: Reported: truncated answers are taken for complete ones (vllm-project/agentic-api#273).
    Bad: …, item-0, completed<status:incomplete>
    Good: …, item-0, completed<status:completed>
    Fine: `response.created` may carry queued, and `response.failed` may carry cancelled.
    Source: Open Responses specification, section 'Streaming', paragraph 'State Machine events', and section 'State
        machines'.
    Fix: set response.status to what the event says, or send the event that fits the status.
    """

    message = "{type} (event {position}) has status {have}, expected {want}"
    fields = ("response.status",)
    by = "response_states"


class TruncationHidden(Rule, code="ST702", severity=Severity.WARNING):
    """The response is marked completed although it was truncated.

    Impact: Agents act on half an answer. Reported in ollama/ollama#17239, unslothai/unsloth#10177,
        jundot/omlx#2817 and ai-dynamo/dynamo#12182.
    Bad: …, text~, text=, part-0.0, item-0{status:incomplete}, completed
    Good: …, text~, text=, part-0.0, item-0{status:incomplete}, incomplete
    Fine: More output tokens than max_output_tokens (rule RQ006): the server then counts something else, as xAI does
        with reasoning.
    Source: Open Responses specification, section 'Items are state machines': a response with an incomplete item
        must be incomplete.
    Fix: emit response.incomplete with incomplete_details.reason max_output_tokens.
    """

    message = "the response completed although {why}"
    on = ("response.completed",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A completed response: did it reach its limit, or leave an item incomplete?"""
        if string(event.object("response"), "status") == "incomplete":
            return  # ST701 tells it
        for item in self._response.every_item:
            if item.type in _GENERATED and item.final and item.final.get("status") == "incomplete":
                self.found(
                    event.position, item.place, fields=["response.status"], why=f"output[{item.key}] is incomplete"
                )
                return
        limit = event.object("response").get("max_output_tokens") or self._response.request.max_output_tokens
        used = (self._response.usage or {}).get("output_tokens")
        # A limit cuts at the limit; where more was used, it was not what ended the answer.
        if isinstance(limit, int) and isinstance(used, int) and used == limit > 0:
            fields = ["response.max_output_tokens", "response.usage.output_tokens"]
            self.found(event.position, fields=fields, why=f"{used} output tokens reach max_output_tokens {limit}")


class IncompleteWithoutReason(Rule, code="ST703", severity=Severity.WARNING):
    """`response.incomplete` does not say why the response is incomplete.

    Bad: …, item-0, incomplete<reason:null>
    Good: …, item-0, incomplete<reason:max_output_tokens>
    Source: openai-python 3.54.0, openai/types/responses/response.py, class IncompleteDetails, field reason.
    Fix: set response.incomplete_details.reason to max_output_tokens or content_filter.
    """

    message = "response.incomplete without incomplete_details.reason"
    fields = ("response.incomplete_details.reason",)
    on = ("response.incomplete",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """An incomplete response: does it say why?"""
        details = event.object("response").get("incomplete_details")
        if not isinstance(details, dict) or not details.get("reason"):
            self.found(event.position)


class FailedWithoutError(Rule, code="ST704", severity=Severity.WARNING):
    """`response.failed` does not say what failed.

    Impact: The cause is lost, and clients cannot decide whether to try again. From source review (not tested):
        Codex reports 'response.failed event received' (openai/codex#24973).
    Bad: created, in_progress, failed<error:null>
    Good: created, in_progress, failed<error:{code, message}>
    Fine: A failed event whose response has the status cancelled.
    Source: openai-python 3.54.0, openai/types/responses/response_error.py, class ResponseError, fields code and
        message.
    Fix: fill response.error with code and message, inside the response object and not at the top level of the
        event.
    """

    message = "response.failed lacks {lacking} in response.error"
    on = ("response.failed",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A failed response: does it say what failed?"""
        error = event.object("response").get("error")
        missing = [f for f in ("code", "message") if not (isinstance(error, dict) and error.get(f))]
        if missing and event.object("response").get("status") != "cancelled":
            self.found_lacking(missing, "response.error", event.position)


class CompletedWithError(Rule, code="ST705", severity=Severity.WARNING):
    """`response.completed` carries an error, or a reason for being incomplete.

    Impact: Clients that ignore the error treat the response as complete.
    Bad: completed<error{code, message}>
    Good: failed<error{code, message}>
    Source: OpenAI API reference (openai-openapi 2.3.0), schema Response: `error` and `incomplete_details` are null
        in a completed response; recorded OpenAI streams, without exception.
    Fix: end with response.failed, or with response.incomplete, instead.
    """

    message = "response.completed carries {field}"
    fields = ("response.{field}",)
    on = ("response.completed",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A completed response: does it say otherwise itself?"""
        if string(event.object("response"), "status") == "incomplete":
            return  # ST701 tells it
        for field in ("error", "incomplete_details"):
            if event.object("response").get(field):
                self.found(event.position, field=field)


class ItemStatusNotFinal(Rule, code="ST706", severity=Severity.WARNING):
    """An item is done with a status that is not final.

    Bad: item+0{message, status:in_progress}, …, item-0{status:in_progress}
    Good: item+0{message, status:in_progress}, …, item-0{status:completed}
    Fine: image_generation_call `generating` and web_search_call `searching` (Azure sends them), and calls made by
        a program (with `caller`), which OpenAI leaves `in_progress`. Off in profile azure.
    Source: Open Responses specification, section 'Items are state machines'.
    Fix: set the item's status to completed or incomplete in output_item.done.
    """

    message = "output[{output_index}] has status {status} in response.output_item.done"
    fields = ("item.status",)
    on = ("response.output_item.done",)
    _final = frozenset({"completed", "incomplete", "failed"})
    _also = frozenset({("image_generation_call", "generating"), ("web_search_call", "searching")})

    def check(self, event: Event, scope: Scope | None) -> None:
        """A done item: is its status one to end with?"""
        item = event.object("item")
        status = string(item, "status")
        if status is None or status in self._final or item.get("caller"):
            return
        if scope is None or (scope.type, status) in self._also:
            return
        if status in STATUSES.get(scope.type or "", (status,)):  # another one is ST708's
            self.found(event.position, scope.place, status=status)


class ItemStatusUnexpected(Rule, code="ST707", severity=Severity.NOTE):
    """An item is added with another status than `in_progress`.

    Bad: item+0{message, completed}, part+0.0, text~, …
    Good: item+0{message, in_progress}, part+0.0, text~, …
    Fine: outputs of tools, and searches of some servers, which arrive whole; OpenAI adds some messages so, too.
    Source: Open Responses specification, section "Items are streamable": the first event has status in_progress.
    Fix: add an item `in_progress`, and complete it in output_item.done.
    """

    message = "output[{output_index}] has status {status} in response.output_item.added"
    fields = ("item.status",)
    on = ("response.output_item.added",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A new item: is it in progress?"""
        status = string(event.object("item"), "status")
        known = STATUSES.get((scope.type if scope else None) or "", (status,))
        if scope is not None and status is not None and status != "in_progress" and status in known:
            self.found(event.position, scope.place, status=status)


class ItemStatusInvalid(Rule, code="ST708", severity=Severity.WARNING):
    """An item has a status that is not valid for its type.

    Impact: Strict decoders (Rust, Go, Dart) reject the event.
    Bad: item-0{message, done}
    Good: item-0{message, completed}
    Source: OpenAI API reference (openai-openapi 2.3.0), the status enum of each item schema.
    Fix: use a status of the enum.
    """

    message = "status {status} in {type} is not valid for {have}; expected one of {allowed}"
    on = ("response.output_item.added", "response.output_item.done", *TERMINALS)

    def check(self, event: Event, scope: Scope | None) -> None:
        """An item, or those of a terminal event: is its status one of its type's?"""
        if scope is None:
            for path, item, streamed in final_items(self._response, event):
                self._ask(event, path, item, streamed)
        else:
            self._ask(event, "item", event.object("item"), scope)

    def _ask(self, event: Event, path: str, item: dict[str, Any], scope: Scope) -> None:
        status, allowed = string(item, "status"), STATUSES.get(scope.type or "")
        if allowed is None or status is None or status in allowed:
            return
        if self.code not in scope.findings:
            scope.findings[self.code] = self.found(
                event.position,
                scope.place,
                fields=[f"{path}.status"],
                status=status,
                type=event.type,
                allowed=", ".join(allowed),
                have=scope.type,
            )


class UsageMissing(Rule, code="ST709", severity=Severity.WARNING):
    """A finished response has no usage.

    Impact: From source review (not tested): the context meter of Codex stays at 0, and Codex fails on a usage
        without its integers. Reported in diegosouzapw/OmniRoute#6906.
    Bad: …, item-0, completed<usage:null>
    Good: …, item-0, completed<usage:{input_tokens, output_tokens, total_tokens, …}>
    Fine: Only a note for `response.incomplete`, and no finding for `response.failed`.
    Source: OpenAI API reference (openai-openapi 2.3.0), schemas Response (field usage) and ResponseUsage.
    Fix: fill response.usage with input, output and total tokens and both details.
    """

    message = "{type} has no usage"
    fields = ("response.usage",)
    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A finished response: are its tokens counted?"""
        if event.object("response").get("usage") is None:
            severity = Severity.NOTE if event.type == "response.incomplete" else None
            self.found(event.position, severity=severity, type=event.type)


class UsageInvalid(Rule, code="ST710", severity=Severity.ERROR):
    """The usage of a terminal event lacks an integer that clients decode, or has another type there.

    Impact: Reported: without `input_tokens`, `output_tokens` or `total_tokens` as an integer, Codex fails the whole
        turn (NousResearch/Gym#3313, bitrouter#453). Programs that read the details fail without
        `input_tokens_details`, `output_tokens_details`, `cached_tokens` or `reasoning_tokens`.
    Bad: completed<usage:{prompt_tokens, completion_tokens, total_tokens}>
    Good: completed<usage:{input_tokens, output_tokens, total_tokens, …}>
    Fine: Only a warning where nothing but the details lacks. `usage: null` is rule ST709's.
    Source: OpenAI API reference (openai-openapi 2.3.0), schema ResponseUsage, required.
    Fix: send {the three totals and both details} as the schema has them.
    """

    message = "response.usage{path} is {value}; clients decode {want}{hint}"
    fields = ("response.usage{path}",)
    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A finished response: can its tokens be decoded?"""
        usage = event.object("response").get("usage")
        if usage is None:
            return  # ST709 tells it
        if not isinstance(usage, dict):
            self._found(event, "", json.dumps(usage)[:60], want="an object of integers")
            return
        wrong = [name for name in _TOTALS if not _is_count(usage.get(name))]
        if wrong:
            hint = " (these are the names of Chat Completions)" if "prompt_tokens" in usage else ""
            self._found(event, f".{wrong[0]}", _shown(usage, wrong[0]), hint=hint)
            return
        for name, detail in _DETAILS.items():
            details = usage.get(name)
            path = f"{name}.{detail}" if isinstance(details, dict) else name
            if not isinstance(details, dict) or not _is_count(details.get(detail)):
                value = _shown(details if isinstance(details, dict) else usage, path.rpartition(".")[2])
                self._found(event, f".{path}", value, severity=Severity.WARNING)
                return

    def _found(
        self,
        event: Event,
        path: str,
        value: str,
        *,
        want: str = "an integer",
        hint: str = "",
        severity: Severity | None = None,
    ) -> None:
        self.found(event.position, severity=severity, path=path, value=value, want=want, hint=hint)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _shown(holder: dict[str, Any], name: str) -> str:
    return json.dumps(holder[name])[:60] if name in holder else "missing"


class CompletedItemInIncomplete(Rule, code="ST711", severity=Severity.NOTE):
    """The last item of a response that was truncated by max_output_tokens is marked completed.

    Impact: Consumers that read only the item treat a partial answer as complete.
    Bad: …, item-0{status:completed}, incomplete<reason:max_output_tokens>
    Good: …, item-0{status:incomplete}, incomplete<reason:max_output_tokens>
    Source: Open Responses specification, section 'Items are state machines'.
    Fix: mark the truncated item `incomplete`.
    """

    message = "the response was truncated by max_output_tokens, but its last item output[{output_index}] is completed"
    fields = ("response.incomplete_details",)
    on = ("response.incomplete",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """An incomplete response: does the item say so that was cut?"""
        details = event.object("response").get("incomplete_details")
        reason = details.get("reason") if isinstance(details, dict) else None
        items = self._response.every_item
        last = items[-1] if items else None
        if reason != "max_output_tokens" or last is None or last.type not in _GENERATED or not last.final:
            return
        cut = any(item.final and item.final.get("status") == "incomplete" for item in items)
        if not cut and last.final.get("status") == "completed":
            self.found(event.position, last.place)
