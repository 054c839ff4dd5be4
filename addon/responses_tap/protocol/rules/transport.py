"""TR9xx: frames that every parser reads alike."""

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule


class EventNameMismatch(Rule, code="TR901", severity=Severity.ERROR):
    """The SSE event name and the type in its data differ.

    Impact: clients dispatching on event: miss it.
    Bad: event: message / type=r.created
    Good: event: response.created / type=response.created
    Source: OR: event field MUST match type.
    Fix: same string.
    """

    message = "SSE event {event} at {position} carries type {type}"


class EventNameMissing(Rule, code="TR902", severity=Severity.NOTE):
    """Events come without an `event:` line.

    Impact: billion-context#549 class of parsers see no events.
    Bad: data only
    Good: event: response.created / data: {…}
    Fine: legal SSE; OpenRouter, OGX and others do it.
    Source: Open Responses, same.
    Fix: send event:.
    """

    message = "events have no event: line, the first at {position}"


class DataNotJson(Rule, code="TR903", severity=Severity.ERROR):
    """A frame's data is not JSON.

    Impact: openai-python JSONDecodeError, node SyntaxError; codex/litellm skip.
    Bad: data: {..
    Good: one complete JSON object in each frame
    Source: Open Responses, data JSON-encoded.
    Fix: one object per event.
    """

    message = "data at {position} is not JSON: {detail}"


class DataNotObject(Rule, code="TR904", severity=Severity.ERROR):
    """A frame's data is JSON, but no object with a type.

    Impact: AttributeError in Python clients.
    Bad: data: []
    Good: data: {"type":"response.created",…}
    Source: OR.
    Fix: -.
    """

    message = "data at {position} is {detail}, expected an object with a type"


class NotUtf8(Rule, code="TR905", severity=Severity.ERROR):
    """A frame is not UTF-8.

    Impact: openai-python UnicodeDecodeError; others show U+FFFD.
    Bad: split multi-byte char per frame
    Good: whole events encoded at once
    Source: WHATWG SSE.
    Fix: encode whole events.
    """

    message = "{detail} of the data at {position} is not UTF-8"


class DoneMarkerEarly(Rule, code="TR908", severity=Severity.ERROR):
    """`[DONE]` comes before the terminal event.

    Impact: openai-openai-python and openai-node never see completed -> LC103 effects.
    Bad: text~, [DONE], completed
    Good: …, completed, [DONE]
    Source: openai-python/openai-node stop at [DONE].
    Fix: terminal event first.
    """

    message = "[DONE] after event {after}, before any terminal event"


class DoneMarkerMissing(Rule, code="TR909", severity=Severity.NOTE):
    """The stream does not end with `[DONE]`.

    Impact: cLIProxyAPI#5028: proxies that insist answer 502.
    Bad: completed, EOF
    Good: …, completed, [DONE]
    Fine: everywhere but under the Open Responses profile: OpenAI never sends it.
    Source: Open Responses, MUST (OpenAI never sends it).
    Fix: only for profile open-responses.
    """

    message = "no [DONE] at the end"


class DataAfterDoneMarker(Rule, code="TR910", severity=Severity.WARNING):
    """Events follow `[DONE]`.

    Impact: never read (opencode#40171).
    Bad: [DONE], ping
    Good: …, completed, [DONE], end of body
    Source: openai-python/openai-node.
    Fix: end the body.
    """

    message = "event at {position} after [DONE]"


class UnterminatedEvent(Rule, code="TR911", severity=Severity.ERROR):
    r"""The last event is not ended by a blank line.

    Impact: wHATWG parsers drop it: completed lost An error in a recording of live traffic, a note in a
        file (editors trim files: one real OpenAI fixture ends so). The tail counts as an event if its
        JSON is complete. A stream that has no terminal event gives LC103 only: no TR911, no TR903 for
        its tail.
    Bad: …completed EOF
    Good: …completed, blank line, end of body
    Fine: a file whose end an editor trimmed: a note there.
    Source: WHATWG SSE: dispatch on blank line.
    Fix: finish with \n\n.
    """

    message = "the event at {position} is not followed by an empty line"


class EventWithoutData(Rule, code="TR912", severity=Severity.WARNING):
    """An `event:` line comes without data.

    Impact: openai-python JSONDecodeError aborts the stream.
    Bad: event: ping
    Good: : ping
    Source: WHATWG: not dispatched; openai-python decoder dispatches it.
    Fix: use a comment line ': ping'.
    """

    message = "SSE event {event} after event {after} has no data"
