"""TR9xx: frames that every parser reads alike."""

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule


class EventNameMismatch(Rule, code="TR901", severity=Severity.ERROR):
    """The name in the `event:` line differs from the type in the data.

    Impact: Clients that dispatch on the event name miss the event.
    Bad: event: message, data: {"type":"response.created",…}
    Good: event: response.created, data: {"type":"response.created",…}
    Source: Open Responses specification, section 'HTTP Responses', paragraph 'Streaming HTTP Responses' (MUST
        match); 642 recorded OpenAI streams, without exception.
    Fix: write the event's type into the event: line.
    """

    message = "SSE event {event} (event {position}) has type {type}"
    fields = ("type",)
    by = "frames"


class EventNameMissing(Rule, code="TR902", severity=Severity.NOTE):
    """Events have no `event:` line.

    Impact: Reported: clients that dispatch on the event name see no events (ranxianglei/billion-context#549).
    Bad: data: {"type":"response.created",…}
    Good: event: response.created, data: {"type":"response.created",…}
    Fine: It is legal SSE, and OpenRouter sends none either; hence only a note.
    Source: Open Responses specification, section 'HTTP Responses', paragraph 'Streaming HTTP Responses' (the event
        field MUST match the type); 642 recorded OpenAI streams, without exception.
    Fix: send an event: line with the event's type before each data: line.
    """

    message = "events have no event: line, first in event {position}"
    by = "frames"


class DataNotJson(Rule, code="TR903", severity=Severity.ERROR):
    """The data of a frame is not JSON.

    Impact: From source review (not tested): Codex skips the event.
    Bad: data: {"type":"keepalive","sequence_number":4
    Good: data: {"type":"keepalive","sequence_number":4}
    Source: Open Responses specification, section 'HTTP Responses', paragraph 'Streaming HTTP Responses': data
        objects are JSON-encoded.
    Fix: write one complete JSON object into each frame.
    """

    message = "data of event {position} is not JSON: {detail}"
    by = "frames"
    ends = True


class DataNotObject(Rule, code="TR904", severity=Severity.ERROR):
    """The data of a frame is JSON, but not an object with a type.

    Bad: data: ["keepalive"]
    Good: data: {"type":"keepalive","sequence_number":4}
    Source: Open Responses specification, section 'HTTP Responses', paragraph 'Streaming HTTP Responses': the type
        is in the event body.
    Fix: send one JSON object with a `type` in each frame, and use a comment line to keep the connection alive.
    """

    message = "data of event {position} is {detail}, expected an object with a type"
    by = "frames"
    ends = True


class NotUtf8(Rule, code="TR905", severity=Severity.ERROR):
    """The data of a frame is not valid UTF-8.

    Bad: text~ with the first byte of 'é', text~ with its second byte
    Good: text~ with both bytes of 'é'
    Source: WHATWG HTML 9.2.6, event stream interpretation: streams are decoded as UTF-8.
    Fix: split texts between characters, not between bytes, and encode each event as a whole.
    """

    message = "{detail} of the data of event {position} is not UTF-8"
    by = "frames"
    ends = True


class ContentType(Rule, code="TR906", severity=Severity.ERROR):
    """An event stream has another Content-Type.

    Impact: From source review (not tested): browsers and several SDKs refuse to read it as a stream.
    Bad: Content-Type: application/json
    Good: Content-Type: text/event-stream; charset=utf-8
    Source: Open Responses specification, section "Streaming": Content-Type MUST be text/event-stream.
    Fix: send `Content-Type: text/event-stream`.
    """

    message = "the Content-Type of the event stream is {have}"
    by = "bodies"


class HttpStatus(Rule, code="TR907", severity=Severity.ERROR):
    """The request was answered with an HTTP error.

    Impact: The client gets an exception instead of a response, or tries again (openai-python and openai-node at
        408, 409, 429 and 5xx). From source review (not tested): no SDK reads the body of an error as a stream.
    Bad: HTTP 429 with an event stream, or HTTP 503 with an HTML page
    Good: HTTP 200 with an event stream; an error with `{"error":{code, message}}` as JSON
    Source: Open Responses specification, section "Errors"; RFC 9110, section 15.
    Fix: look at the error's own message, which the finding shows; answer with JSON where there is no stream, and with
        HTTP 200 where there is one.
    """

    message = "HTTP {status}{what}"
    by = "bodies"
    ends = True


class DoneMarkerEarly(Rule, code="TR908", severity=Severity.ERROR):
    """`[DONE]` precedes the terminal event.

    Impact: The end of the stream is not read, with the effects of LC103.
    Bad: …, item-0, [DONE], completed
    Good: …, item-0, completed, [DONE]
    Fine: `[DONE]` after an `error` event.
    Source: openai-python 3.54.0, openai/_streaming.py, Stream.__stream__; openai-node 7.57.0,
        src/core/streaming.ts; Open Responses specification, section 'HTTP Responses', paragraph 'Streaming HTTP
        Responses'.
    Fix: send the terminal event first and `[DONE]`, if at all, last.
    """

    message = "[DONE] after event {after}, before any terminal event"
    by = "frames"


class DoneMarkerMissing(Rule, code="TR909", severity=Severity.NOTE):
    """The stream does not end with `[DONE]`.

    Impact: No tested client needs it. Some proxies demand it and answer 502 without it
        (router-for-me/CLIProxyAPI#5028).
    Bad: …, item-0, completed, EOF
    Good: …, item-0, completed, [DONE], EOF
    Fine: In all profiles but open-responses, where it is a warning.
    Source: Open Responses specification, section 'HTTP Responses', paragraph 'Streaming HTTP Responses' (MUST);
        OpenAI never sends it.
    Fix: send `data: [DONE]` after the terminal event, if you claim to keep to Open Responses.
    """

    message = "the stream does not end with [DONE]"
    by = "frames"


class DataAfterDoneMarker(Rule, code="TR910", severity=Severity.WARNING):
    """Events follow `[DONE]`.

    Impact: Reported in anomalyco/opencode#40171.
    Bad: …, completed, [DONE], ping, EOF
    Good: …, completed, [DONE], EOF
    Source: openai-python 3.54.0, openai/_streaming.py, Stream.__stream__; openai-node 7.57.0,
        src/core/streaming.ts: both stop reading at `[DONE]`.
    Fix: end the body after `[DONE]`.
    """

    message = "event {position} follows [DONE]"
    by = "frames"


class UnterminatedEvent(Rule, code="TR911", severity=Severity.ERROR):
    """The last event is not ended by a blank line.

    Impact: Parsers that keep to WHATWG HTML drop the event.
    Bad: …, completed (no blank line), EOF
    Good: …, completed (and a blank line), EOF
    Fine: Only a note in a file, whose end an editor may have trimmed. A stream without a terminal event is rule
        LC103.
    Source: WHATWG HTML 9.2.6, event stream interpretation: an event is dispatched at a blank line.
    Fix: finish every event, also the last, with a blank line (two line feeds).
    """

    message = "event {position} is not followed by a blank line"
    by = "frames"


class EventWithoutData(Rule, code="TR912", severity=Severity.WARNING):
    """An `event:` line has no data.

    Bad: event: ping, blank line
    Good: : ping, blank line
    Source: WHATWG HTML 9.2.6, event stream interpretation: an event without data is not dispatched; openai-python
        3.54.0, openai/_streaming.py, dispatches it.
    Fix: send a comment line (`: ping`) to keep the connection alive.
    """

    message = "{what} {place} has no data"
    by = "frames"


class KeepaliveShape(Rule, code="TR913", severity=Severity.WARNING):
    """A keepalive is sent as a `response.*` event without that event's required fields.

    Impact: Reported: strict decoders abort (diegosouzapw/OmniRoute#14330).
    Bad: {type:response.in_progress} every 15 seconds
    Good: a comment line `: ping` every 15 seconds
    Source: diegosouzapw/OmniRoute#14330; WHATWG HTML 9.2.7, which advises a comment line as keepalive.
    Fix: send a comment line instead.
    """

    message = "keepalive {type} (event {position}) is a response event without its response"
    fields = ("response",)
    by = "fields"


class BlankLineMissing(Rule, code="TR914", severity=Severity.ERROR):
    """Events follow each other without the blank line that ends an event.

    Impact: Parsers that keep to WHATWG HTML join the data of all of them into one, which is not JSON
        (rexxars/eventsource-parser#31).
    Bad: event: a, data: {…}, event: b, data: {…}, blank line
    Good: event: a, data: {…}, blank line, event: b, data: {…}, blank line
    Source: WHATWG HTML 9.2.6, event stream interpretation: an event is dispatched at a blank line.
    Fix: end every event with an empty line (two line feeds).
    """

    message = "the blank line between events {before} and {position} is missing"
    by = "frames"
    ends = True


class SeveralResponses(Rule, code="TR917", severity=Severity.WARNING):
    """One response body has several responses with different ids.

    Impact: Clients show the texts of both, or raise at the second `response.created`; which one is stored differs.
        Gateways that fall back to another server do so in the middle of a stream.
    Bad: created<id=a>, …, completed<id=a>, created<id=b>, …, completed<id=b>
    Good: created<id=a>, …, completed<id=a>
    Fine: a file that several streams were written into; a WebSocket, which carries many.
    Source: OpenAI API reference (openai-openapi 2.3.0): a request has one response.
    Fix: begin to send when it is certain which server's response it is, or continue under the first one's id.
    """

    message = "one response body has {n} responses ({ids})"
    by = "checker"


class NotStreamed(Rule, code="TR916", severity=Severity.ERROR):
    """The request asked for a stream, but the response is a JSON object.

    Impact: openai-python and openai-node yield no event and raise no error until a final response is asked for.
    Bad: "stream": true, then 200 application/json {"object": "response", …}
    Good: "stream": true, then 200 text/event-stream, response.created, …
    Source: OpenAI API reference, Create a response, parameter `stream`.
    Fix: answer `"stream": true` with Content-Type text/event-stream and events.
    """

    message = "the request asked for a stream, but the response is one JSON object ({status})"
    by = "bodies"
    ends = True


class StreamedUnasked(Rule, code="TR918", severity=Severity.ERROR):
    """The request did not ask for a stream, but the response is one.

    Impact: openai-python's create() returns the text of the stream instead of a Response: the first attribute that is
        read raises AttributeError.
    Bad: a request without `stream`, then 200 text/event-stream
    Good: a request without `stream`, then 200 application/json {"object": "response", …}
    Fine: where the request is not known.
    Source: OpenAI API reference, Create a response, parameter `stream`, which defaults to false.
    Fix: stream only where the request has `"stream": true`.
    """

    message = "the request did not ask for a stream, but the response is one"
    by = "checker"
    ends = True


class ContentEncodingMismatch(Rule, code="TR915", severity=Severity.ERROR):
    """The body isn't encoded as its Content-Encoding header says.

    Impact: A client reads garbage and finds no event in it, or its HTTP library raises an error where the encoding
        breaks.
    Bad: no Content-Encoding, a body that begins with the bytes of a zstd frame
    Good: Content-Encoding: zstd
    Source: RFC 9110, section 8.4: Content-Encoding lists the codings that were applied.
    Fix: declare the coding that was applied; a proxy that changes the header must change the body, too.
    """

    message = "the body is {body}, the Content-Encoding header says {header}"
    by = "bodies"
    ends = True
