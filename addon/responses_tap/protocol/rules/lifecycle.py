"""LC1xx: the response is created, lives and ends."""

from responses_tap.protocol.bodies import UNREACHED
from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules.rule import Page, StructureRule
from responses_tap.protocol.scopes import Scope


class CreatedMissing(StructureRule, code="LC101", severity=Severity.ERROR):
    """The stream starts with an event other than `response.created`.

    Bad: in_progress, item+0{message}, …, item-0, completed
    Good: created, in_progress, item+0{message}, …, item-0, completed
    Fine: The rest of a background response that a client attached itself to again (`starting_after`).
    Source: Not written in any specification, but true of all recorded OpenAI streams that are not resumed;
        openai-python 3.54.0, openai/lib/streaming/responses/_responses.py,
        ResponseStreamState._create_initial_response; openai-node 7.57.0,
        src/internal/responses/response-accumulator.ts, accumulateResponseWithContext.
    Fix: emit response.created with the full response object before any other event.
    """

    message = "the stream starts with {type} instead of response.created"
    by = "response_states"


class CreatedRepeated(StructureRule, code="LC102", severity=Severity.WARNING):
    """`response.created` is sent a second time while the response is in progress.

    Impact: Where several responses share one WebSocket, a client that splits them at response.created sees two
        responses.
    Bad: created, created, in_progress, item+0{message}, …
    Good: created, in_progress, item+0{message}, …
    Source: openai-python 3.54.0, openai/types/responses/response_created_event.py, class ResponseCreatedEvent
        ("emitted when a response is created"), which happens once.
    Fix: emit response.created once for each response.
    """

    message = "second response.created (event {position}) while {id} is in progress"
    by = "response_states"


class TerminalMissing(StructureRule, code="LC103", severity=Severity.ERROR):
    """The stream ends without `response.completed`, `response.incomplete` or `response.failed`.

    Impact: From source review (not tested): Codex fails with 'stream closed before response.completed'
        (openai/codex#41340, router-for-me/CLIProxyAPI#1407).
    Bad: …, text=, part-0.0, item-0, EOF
    Good: …, text=, part-0.0, item-0, completed, EOF
    Fine: A client that hung up by itself. A stream that ended right after an `error` event is rule LC104.
    Source: Open Responses specification, section 'Streaming', paragraph 'State Machine events'; openai-python
        3.54.0, openai/lib/streaming/responses/_responses.py, ResponseStream.get_final_response; 642 recorded
        OpenAI streams, without exception.
    Fix: end every stream with a terminal event; when something fails, with response.failed.
    """

    message = "the stream ended after {events} without response.completed, response.incomplete or response.failed"
    by = "response_states"
    ends = True


class ErrorWithoutFailed(StructureRule, code="LC104", severity=Severity.WARNING):
    """The stream ends after an `error` event, without `response.failed`.

    Impact: Reported: Codex drops the error event and says that the stream was closed before response.completed
        (icebear0828/codex-proxy-rs#90).
    Bad: created, in_progress, error, EOF
    Good: created, in_progress, error, failed, EOF
    Fine: Only a note where other events follow the error.
    Source: Open Responses specification, section 'Errors': any error incurred while streaming is followed by
        response.failed.
    Fix: send response.failed with the same error after the error event.
    """

    message = "the error event (event {position}) is not followed by response.failed{words}"
    by = "response_states"
    ends = True


class TerminalRepeated(StructureRule, code="LC105", severity=Severity.WARNING):
    """A second terminal event follows the first.

    Bad: …, item-0, completed, completed
    Good: …, item-0, completed
    Source: Open Responses specification, section 'State machines'; 642 recorded OpenAI streams, without exception:
        exactly one terminal event, and it is the last event.
    Fix: send exactly one of response.completed, response.incomplete and response.failed.
    """

    message = "second terminal event {type} (event {position})"
    by = "response_states"


class EventAfterTerminal(StructureRule, code="LC106", severity=Severity.ERROR):
    """An event follows the terminal event of its response.

    Bad: …, text=, part-0.0, item-0, completed, text~
    Good: …, text=, part-0.0, item-0, completed
    Fine: `error` after `response.failed` (Azure sends it, maximhq/bifrost#6419), and `response.steer.*` on a
        WebSocket, which belongs to the socket.
    Source: Open Responses specification, section 'State machines'; 642 recorded OpenAI streams, without exception:
        the terminal event is the last event.
    Fix: send nothing after the terminal event except `[DONE]` and comments.
    """

    message = "{type} (event {position}) follows {terminal}"
    by = "response_states"


class LifecycleOrder(StructureRule, code="LC107", severity=Severity.WARNING):
    """`response.queued` or `response.in_progress` is out of order or repeated.

    Impact: A user interface that shows the status jumps back to an earlier one.
    Bad: created, item+0{message}, in_progress, …
    Good: created, in_progress, item+0{message}, …
    Source: Open Responses specification, section 'Streaming', paragraph 'State Machine events' (queued, then
        in_progress); 642 recorded OpenAI streams, without exception: exactly one response.in_progress.
    Fix: send response.queued, if at all, and then response.in_progress right after response.created.
    """

    message = "{type} (event {position}) follows {later}"
    by = "response_states"


class EmptyResponse(StructureRule, code="LC108", severity=Severity.WARNING):
    """The response completed without a single output item.

    Impact: Reported in raullenchai/Rapid-MLX#866.
    Bad: created, in_progress, completed<out=0>
    Good: created, in_progress, item+0{message}, item-0, completed<out=1>
    Fine: A resumed response, whose items came before this capture began; the answer to a request
        with `generate: false` or `prompt_cache_options.prewarm`, which prepares a later one (OpenAI, guide 'WebSocket
        Mode').
    Source: No recorded OpenAI stream completes without an item.
    Fix: emit at least an empty message item, or end with response.incomplete or response.failed.
    """

    message = "the response completed without any output item"
    fields = ("response.output",)
    on = ("response.completed",)

    def check(self, event: Event, scope: Scope | None) -> None:
        """A completed response: has it items?"""
        response = self._response
        is_empty = not response.every_item and not event.object("response").get("output")
        if is_empty and not response.resumed and not response.request.is_warmup:
            self.found(event.position)


class OpenAtIncomplete(StructureRule, code="LC109", severity=Severity.NOTE):
    """The response ended incomplete while items were still open.

    Impact: From source review (not tested): Codex loses the partial message, because it takes messages only from
        response.output_item.done.
    Bad: …, part+0.0[output_text], text~, incomplete
    Good: …, part+0.0[output_text], text~, text=, part-0.0, item-0{status:incomplete}, incomplete
    Fine: Other servers than OpenAI's leave the items open; hence only a note.
    Source: Open Responses specification, section 'Items are state machines': `incomplete` is a terminal status of
        an item.
    Fix: close the text, the part and the item (with status incomplete) before response.incomplete, as OpenAI does.
    """

    message = "{open} when the response ended incomplete"
    by = "scope_tree"


class NoEvents(StructureRule, code="LC110", severity=Severity.ERROR):
    """A stream was expected, but the body has no events.

    Impact: From source review (not tested): Codex reports 'stream closed before response.completed'.
    Bad: an empty body, an HTML page, plain text, an error or a whole response in JSON, `: ping` and `[DONE]` alone
    Good: created, in_progress, item+0{message}, …, item-0, completed
    Fine: A response in JSON to a request that did not ask for a stream. An HTTP error is rule TR907.
    Source: Open Responses specification, section 'Streaming'; OpenAI API reference, parameter `stream`.
    Fix: answer `"stream": true` with Content-Type text/event-stream and events; when something fails, with an HTTP
        error, or an error event and response.failed.
    """

    message = "the body has no Responses API event: it is {what}"
    by = "bodies"
    ends = True

    @classmethod
    def page(cls, finding: Finding | None = None) -> Page:
        """The rule's page; for a server that was not reached, the fix is not its answer."""
        page = super().page(finding)
        if finding is None or not finding.text.endswith(UNREACHED):
            return page
        return page._replace(fix="start the server, or correct the address that it is asked at.")
