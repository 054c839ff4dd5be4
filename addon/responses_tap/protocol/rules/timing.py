"""TM0xx: what the arrival times show, where a recording has them."""

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule


class StreamBuffered(Rule, code="TM001", severity=Severity.WARNING):
    """A stream with many deltas arrived all at once, after a long wait: something holds it back.

    Impact: The user sees nothing until the answer is whole; no tested client fails.
    Bad: 4.0 s nothing, then created, in_progress, item+0, part+0.0, text~ × 60, …, completed within 9 ms
    Good: created, in_progress at once; text~ by text~ while the model writes
    Fine: a cached answer, or a server that replays one without its times.
    Source: Open Responses specification, section "Streaming": events are sent as they are made.
    Fix: flush after each event, and switch buffering off in every proxy on the way (nginx: `proxy_buffering off`).
    """

    message = "{deltas} deltas and all other events arrived within {ms} ms, after {waited} s of waiting"
    by = "arrivals"


class LongSilence(Rule, code="TM002", severity=Severity.WARNING):
    """Nothing came for so long that clients give up.

    Impact: By reading: Codex ends the stream with "idle timeout waiting for SSE" after 300 s; proxies often do
        after 60.
    Bad: text~, 320 s nothing, text~
    Good: text~, a comment `: ping` every 15 s, text~
    Source: openai/codex, codex-rs, stream_idle_timeout_ms; WHATWG HTML 9.2.7 advises a comment every 15 seconds.
    Fix: send a comment line (`: ping`) every 15 seconds while there is nothing else to send.
    """

    message = "{seconds} s without an event before {position}"
    by = "arrivals"
