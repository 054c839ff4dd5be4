"""What a paste is that has no events, by its name, with what would give some."""

import re

_RECORD = "record them with `responses-tap record -- COMMAND`"
_PRINT = "print each event: `print(event)` in Python, `console.log(JSON.stringify(event))` in JavaScript"
_TEXTS = (
    (
        re.compile(r"\bResponse[A-Z]\w{3,60}Event\b(?!\()|\bStreamingResponse[A-Z]\w{3,60}Update\b"),
        f"has the names of an SDK's classes, not its events; {_PRINT}, or {_RECORD}",
    ),
    (
        re.compile(r"\[type\] => response\.|\[\"type\"\]=>"),
        f"has events as PHP's print_r or var_dump shows them; print each by json_encode, or {_RECORD}",
    ),
    (
        re.compile(r'"type":\s?"(?:thread\.started|turn\.(?:started|completed)|session_meta|event_msg|response_item)"'),
        f"has Codex's own events, not those of the API; {_RECORD}, or run Codex with RUST_LOG=codex_api::sse=trace",
    ),
    (
        re.compile(r"openai\._base_client|\bopenai:DEBUG|\[log_[0-9a-f]{6}\]|OpenAI:DEBUG"),
        f"is a debug log of an OpenAI SDK, which has requests but no events; {_RECORD}, or {_PRINT}",
    ),
    (
        re.compile(r"Traceback \(most recent call last\)|^[ \t]{1,40}at \S.{0,200}:\d+:\d+\)?$", re.MULTILINE),
        f"is a stack trace without events; {_RECORD}",
    ),
    (
        re.compile(r"\[object Object\]"),
        f"has `[object Object]` instead of events; {_PRINT}",
    ),
)
_PICTURES = {
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"%PDF": "a PDF",
}


def named(content: bytes) -> str | None:
    """What this is instead of a paste of events, and what to do; None where it is nothing that is known."""
    for magic, name in _PICTURES.items():
        if content.startswith(magic):
            return f"is {name}; paste the text of the events, or {_RECORD}"
    text = content.decode(errors="replace")
    return next((words for pattern, words in _TEXTS if pattern.search(text)), None)
