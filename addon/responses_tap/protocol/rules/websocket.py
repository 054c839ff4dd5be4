"""WS0xx: several responses over one socket, each message one event."""

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule


class ResponsesMultiplexed(Rule, code="WS001", severity=Severity.ERROR):
    """A response starts while another one is in progress on the same stream (`stream_id`) of the WebSocket.

    Impact: From source review (not tested): clients put the events of the new response into the turn of the old
        one.
    Bad: created<a>, text~, created<b>
    Good: created<a>, text~, …, completed<a>, created<b>
    Fine: responses on streams of their own, distinguished by `stream_id`.
    Source: Open Responses specification of 2026-04-24, WebSocket: servers MUST NOT multiplex; OpenAI's guide to
        the WebSocket mode: in parallel only with `stream_id`.
    Fix: finish a response before the next begins, or give each a `stream_id`.
    """

    message = "response {after} begins while {before} is in progress on the same stream of the WebSocket"
    by = "websocket_checker"


class StaleEvent(Rule, code="WS002", severity=Severity.ERROR):
    """An event belongs to a response that has ended.

    Impact: From source review (not tested): text of the old turn appears in the new one.
    Bad: completed<a>, created<b>, text~(item of a)
    Good: completed<a>, created<b>, text~(item of b)
    Source: Open Responses specification of 2026-04-24, WebSocket: one response after the other.
    Fix: drop what is left of a response when it has ended.
    """

    message = "{type} (event {position}) belongs to response {finished}, which has ended"
    by = "websocket_checker"


class ErrorEnvelope(Rule, code="WS003", severity=Severity.NOTE):
    """An error on a WebSocket has no status or no error code.

    Impact: From source review (not tested): Codex cannot tell a lost previous response or a connection limit from
        other errors.
    Bad: {type:error, message}
    Good: {type:error, status, error:{code, message, param}}
    Fine: openai-python 3.57 declares both as optional (ResponseWsError); hence only a note.
    Source: Open Responses specification of 2026-04-24, WebSocket errors: status and error.code are required.
    Fix: send the HTTP-like `status` and a nested `error` with its `code`.
    """

    message = "the WebSocket error (event {position}) lacks {lacking}{words}"
    by = "websocket_checker"


class StreamIdMissing(Rule, code="WS004", severity=Severity.WARNING):
    """On a WebSocket with several streams, an event has no `stream_id`.

    Impact: From source review (not tested): the event cannot be routed.
    Bad: created{stream_id:1}, created{stream_id:2}, text~
    Good: created{stream_id:1}, created{stream_id:2}, text~{stream_id:2}
    Source: openai-python 3.54.0, responses_server_event.py: every server event echoes `stream_id`.
    Fix: repeat the response's `stream_id` in each event.
    """

    message = "{type} (event {position}) has no stream_id, though its response has one"
    fields = ("stream_id",)
    by = "websocket_checker"


class Framing(Rule, code="WS005", severity=Severity.ERROR):
    """A WebSocket message is not one JSON event.

    Impact: JSON errors in every client.
    Bad: a message `data: {…}`, or `[DONE]`, or a binary one
    Good: a text message `{"type":"response.created", …}`
    Source: OpenAI's guide to the WebSocket mode; Open Responses specification of 2026-04-24, WebSocket.
    Fix: send each event as one text message of JSON, without the framing of server-sent events.
    """

    message = "a WebSocket message is not an event: {have}"
    by = "websocket_checker"
