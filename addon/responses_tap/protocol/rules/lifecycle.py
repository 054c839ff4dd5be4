"""LC1xx: the response is created, lives and ends."""

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule
from responses_tap.protocol.scopes import Scope


class CreatedMissing(Rule, code="LC101", severity=Severity.ERROR):
    """A stream starts with something other than `response.created`.

    Impact: openai-python stream(): RuntimeError; openai-node stream(): OpenAIError; AI SDK: no response
        id (no previous_response_id); others go on.
    Bad: in_progress, item+0, …
    Good: created, in_progress, item+0, …
    Fine: the rest of a background response that a client attached itself to again (`starting_after`).
    Source: Open Responses, Semantic events/lifecycle; openai-python `_create_initial_response`;
        openai-node accumulateResponseWithContext.
    Fix: emit response.created with the full response object first.
    """

    message = "the stream starts with {type} instead of response.created"


class CreatedRepeated(Rule, code="LC102", severity=Severity.WARNING):
    """`response.created` comes a second time while the response still runs.

    Impact: no tested client fails; starts a new response for WebSocket splitters.
    Bad: created, created, …
    Good: created, in_progress, …
    Source: openai-python docstring 'when a response is created' (once).
    Fix: emit it once per response.
    """

    message = "second response.created at {position} while {id} is still running"


class TerminalMissing(Rule, code="LC103", severity=Severity.ERROR):
    """The body ended without `response.completed`, `response.incomplete` or `response.failed`.

    Impact: codex 'stream closed before response.completed'; openai-python RuntimeError; agents
        ModelBehaviorError; litellm APIConnectionError; silent truncation in openai-node, langchain,
        pydantic-ai (usage 0); AI SDK finishReason other/interrupted.
    Bad: …, text~, EOF
    Good: …, text~, text=, part-0.0, item-0, completed
    Fine: a client that hung up itself; the stream ended right after an `error` event (LC104).
    Source: Open Responses, Streaming/state machine; openai-python get_final_response.
    Fix: always end with a terminal event, also on errors.
    """

    message = "the stream ended after {events} events without completed, incomplete or failed"


class ErrorWithoutFailed(Rule, code="LC104", severity=Severity.NOTE):
    """An `error` event ended the stream, and no `response.failed` followed it.

    Impact: all clients stop at `error` already; only final snapshot is lost.
    Bad: …, error, EOF
    Good: …, error, failed
    Fine: widely done; a note only.
    Source: Open Responses, Errors: an error is followed by response.failed.
    Fix: send response.failed with the same error after it.
    """

    message = "the error event at {position} is not followed by response.failed"


class TerminalRepeated(Rule, code="LC105", severity=Severity.WARNING):
    """A second terminal event.

    Impact: pydantic-ai adds usage twice (2 becomes 4).
    Bad: …, completed, completed
    Good: …, completed
    Source: openai-python lifecycle.
    Fix: send exactly one terminal event.
    """

    message = "second terminal event {type} at {position}"


class EventAfterTerminal(Rule, code="LC106", severity=Severity.ERROR):
    """An event follows the terminal event of its response.

    Impact: text doubled in openai-openai-python and openai-node snapshots, langchain, pydantic-ai,
        litellm; AI SDK 'text part not found'.
    Bad: …, completed, text~
    Good: …, item-0, completed
    Fine: `error` after `response.failed` (Azure sends it), `response.steer.*` on a WebSocket.
    Source: Open Responses, State machines (terminal).
    Fix: stop the stream after the terminal event.
    """

    message = "{type} at {position} comes after {terminal}"


class LifecycleOrder(Rule, code="LC107", severity=Severity.WARNING):
    """`response.queued` or `response.in_progress` comes too late or twice.

    Impact: none fails; UI state jumps back.
    Bad: created, item+0, in_progress
    Good: created, queued, in_progress, item+0, …
    Source: Open Responses, lifecycle queued -> in_progress.
    Fix: order: created, queued?, in_progress?, items.
    """

    message = "{type} at {position} after {later}"


class EmptyResponse(Rule, code="LC108", severity=Severity.WARNING):
    """A response completed without a single item.

    Impact: agents/AI SDK: empty answer treated as final.
    Bad: created, in_progress, completed<out=0>
    Good: created, in_progress, item+0, …, completed<out=1>
    Source: recorded OpenAI streams: never; Rapid-MLX#866.
    Fix: emit at least an empty message, or response.incomplete/failed.
    """

    message = "response completed without any output item"

    on = ("response.completed",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A completed response: has it items?"""
        if (
            not self._response.every_item
            and not event.object("response").get("output")
            and not self._response.resumed
        ):
            self.found(event.position)


class OpenAtIncomplete(Rule, code="LC109", severity=Severity.NOTE):
    """The response ended incomplete while items were still open.

    Impact: codex loses the partial message; others keep deltas.
    Bad: …, text~, incomplete
    Good: …, text~, text=, part-0.0, item-0{incomplete}, incomplete
    Fine: by its nature; OpenAI closes them first, others do not.
    Source: Open Responses, Items are state machines (incomplete is a terminal item status).
    Fix: close text, part and item (status incomplete) first, as OpenAI does.
    """

    message = "{open} item(s) still open when the response ended incomplete"
