"""ST7xx: each status says what happened."""

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule
from responses_tap.protocol.scopes import Scope


class ResponseStatusMismatch(Rule, code="ST701", severity=Severity.ERROR):
    """A lifecycle event carries the status of another one.

    Impact: truncated answers taken as complete (vLLM/agentic-api#273); openai-node/pydantic-ai keep
        in_progress.
    Bad: completed<status incomplete>
    Good: completed<status completed>
    Source: Open Responses, State machines; openai-python.
    Fix: use response.incomplete (or status completed).
    """

    message = "{type} at {position} carries status {have}, expected {want}"


class TruncationHidden(Rule, code="ST702", severity=Severity.WARNING):
    """A response is called completed though it was cut short.

    Impact: agents act on half answers.
    Bad: item-{incomplete}, completed
    Good: item-{incomplete}, incomplete
    Source: Open Responses, incomplete item => incomplete response; ollama#17239, unsloth#10177,
        omlx#2817.
    Fix: emit response.incomplete with reason max_output_tokens.
    """

    message = "response completed although {why}"

    on = ("response.completed",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A completed response: did it reach its limit, or leave an item incomplete?"""
        for item in self._response.every_item:
            if item.final and item.final.get("status") == "incomplete":
                self.found(event.position, item.place, why=f"item {item.key} is incomplete")
                return
        limit = event.object("response").get("max_output_tokens")
        used = (self._response.usage or {}).get("output_tokens")
        if isinstance(limit, int) and isinstance(used, int) and used >= limit > 0:
            self.found(event.position, why=f"{used} output tokens reach max_output_tokens {limit}")


class IncompleteWithoutReason(Rule, code="ST703", severity=Severity.WARNING):
    """`response.incomplete` gives no reason.

    Impact: AI SDK finishReason 'stop'; pydantic-ai finish None.
    Bad: incomplete<reason null>
    Good: incomplete<reason max_output_tokens>
    Source: openai-python IncompleteDetails.
    Fix: max_output_tokens or content_filter.
    """

    message = "response.incomplete without incomplete_details.reason"

    on = ("response.incomplete",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """An incomplete response: does it say why?"""
        details = event.object("response").get("incomplete_details")
        if not isinstance(details, dict) or not details.get("reason"):
            self.found(event.position)


class FailedWithoutError(Rule, code="ST704", severity=Severity.WARNING):
    """`response.failed` does not say what failed.

    Impact: codex 'response.failed event received', langchain 'Response … failed.' — cause lost, no
        retry decision (codex#24973).
    Bad: failed<error null>
    Good: failed<error{code,message}>
    Source: openai-python ResponseError.
    Fix: fill response.error (not a top-level error).
    """

    message = "response.failed without error.{fields}"

    on = ("response.failed",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A failed response: does it say what failed?"""
        error = event.object("response").get("error")
        missing = [f for f in ("code", "message") if not (isinstance(error, dict) and error.get(f))]
        if missing and event.object("response").get("status") != "cancelled":
            self.found(event.position, fields=", ".join(missing))


class ItemStatusNotFinal(Rule, code="ST706", severity=Severity.WARNING):
    """An item is done with a status that is not final.

    Impact: no tested client fails. Exempt image generating, web searching, function_call with caller.
    Bad: item-{in_progress}
    Good: item-{completed}
    Fine: image_generation_call `generating` and web_search_call `searching` (Azure), function_call
        `in_progress` when a program is its caller (OpenAI).
    Source: Open Responses, item states.
    Fix: completed or incomplete.
    """

    message = "output_item.done {output_index} has status {status}"

    on = ("response.output_item.done",)
    _final = frozenset({"completed", "incomplete", "failed", None})
    _also = frozenset({("image_generation_call", "generating"), ("web_search_call", "searching")})

    def check(self, event: Event, scope: Scope | None) -> None:
        """A done item: is its status one to end with?"""
        item = event.object("item")
        status = item.get("status")
        if not isinstance(status, str | None) or status in self._final or item.get("caller"):
            return
        if scope is None or (scope.type, status) not in self._also:
            self.found(event.position, scope.place if scope else None, status=status)


class UsageMissing(Rule, code="ST709", severity=Severity.WARNING):
    """A finished response has no usage.

    Impact: 0 tokens accounted in agents, pydantic-ai, langchain; codex context meter stays 0; codex
        fails when usage lacks its integers Warning at completed, note at incomplete, nothing at failed.
    Bad: completed<usage null>
    Good: completed<usage{input_tokens,output_tokens,total_tokens}>
    Fine: response.failed.
    Source: openapi Response.usage; OmniRoute#6906.
    Fix: fill usage (input/output/total and both details).
    """

    message = "{type} has no usage"

    on = ("response.completed", "response.incomplete")

    def check(self, event: Event, scope: Scope | None) -> None:
        """A finished response: are its tokens counted?"""
        if not isinstance(event.object("response").get("usage"), dict):
            severity = Severity.NOTE if event.type == "response.incomplete" else None
            self.found(event.position, severity=severity, type=event.type)
