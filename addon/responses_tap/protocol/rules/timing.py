"""TM0xx: what the arrival times show, where a recording has them."""

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule


class StreamBuffered(Rule, code="TM001", severity=Severity.WARNING):
    """All deltas arrived in one burst after a long delay; something is buffering the stream.

    Impact: The user sees nothing until the answer is whole; no tested client fails.
    Bad: 4.0 s of silence, created, in_progress, item+0, part+0.0, text~ × 60, …, completed (all within 9 ms)
    Good: created, in_progress (at once), text~ (while the model writes), text~, …
    Fine: a cached answer, or a server that replays one without its times.
    Source: Open Responses specification, section "Streaming": events are sent as they are made.
    Fix: flush after each event, and switch buffering off in every proxy on the way (nginx: `proxy_buffering off`).
    """

    message = "{deltas} deltas and all other events arrived within {ms} ms, after {waited} s of waiting"
    by = "arrivals"


class LongSilence(Rule, code="TM002", severity=Severity.WARNING):
    """No data for longer than common client and proxy idle timeouts.

    Impact: An AWS ALB closes the connection after 60 s of silence, Cloudflare after 100 s, Envoy after 240 s.
        From source review (not tested): Codex ends the stream with "idle timeout waiting for SSE" after 300 s,
        comments or not.
    Bad: text~, 320 s of silence, text~
    Good: text~, {"type":"keepalive","sequence_number":n} every 15 s, text~
    Source: openai/codex, codex-rs, stream_idle_timeout_ms (openai/codex#31539); the documented defaults of AWS ALB,
        Cloudflare and Envoy.
    Fix: send an event that carries data every 15 seconds, such as `keepalive`: Codex discards comments.
    """

    message = "{seconds} s without an event before event {position}: {limits} would have closed the stream"
    by = "arrivals"
