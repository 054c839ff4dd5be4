"""A server's answer to one request: the facts that scenarios ask about, read from the bytes that arrived."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from responses_tap.protocol.events import read
from responses_tap.protocol.grammar import TERMINALS
from responses_tap.protocol.sse import decode, looks_like_events
from responses_tap_viewer.probe.pages import page_words, recorder_trouble

_SERVER_ERROR = 500
_CLIENT_ERROR = 400
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_TOO_MANY = 429
_SHOWN = 200
"""Characters of a server's own words."""


@dataclass
class Answer:
    """The answer to one request."""

    status: int = 0
    """0: there was none."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""
    first_s: float = 0.0
    """Seconds from the request to the first byte of the body."""
    took_s: float = 0.0
    gap_s: float = 0.0
    """The longest silence between two pieces of the body, in seconds."""
    trouble: str = ""
    """Why it isn't whole: a timeout, a connection that broke."""
    timed_out: bool = False
    messages: Sequence[bytes] | None = None
    """The events of a response over a WebSocket, a message each; None over HTTP."""
    upgrade_refused: bool = False
    """Whether the server doesn't speak WebSocket."""
    events: list[dict[str, Any]] = field(init=False)
    """The events of a stream, without what can't be read."""
    document: Any = field(init=False, default=None)
    """The JSON of a body that isn't a stream."""

    def __post_init__(self) -> None:
        if trouble := recorder_trouble(self.status, self.headers, self.body):
            # The server has answered nothing, neither by a status nor by a page.
            self.status, self.headers, self.body, self.upgrade_refused = 0, {}, b"", False
            self.trouble = trouble
        frames = decode([self.body]) if self.is_stream else ()
        sent = [frame.data for frame in frames if frame.data and not frame.is_done_marker]
        found = [read(data).data for data in (sent if self.messages is None else self.messages)]
        self.events = [event for event in found if event]
        if not self.is_stream:
            try:
                self.document = json.loads(self.body)
            except (ValueError, RecursionError):
                self.document = None

    @property
    def content_type(self) -> str:
        """The media type as the server states it."""
        return self.headers.get("content-type", "")

    @property
    def is_stream(self) -> bool:
        """Whether it is an event stream, whatever the server calls it, or came over a WebSocket."""
        return self.messages is not None or "event-stream" in self.content_type or looks_like_events(self.body)

    @property
    def response(self) -> dict[str, Any]:
        """The response as the last event that has one states it, or the body; {} where there is none."""
        for event in reversed(self.events):
            if isinstance(response := event.get("response"), dict):
                return response
        return self.document if isinstance(self.document, dict) else {}

    @property
    def terminal(self) -> str:
        """The type of the terminal event; of a body, the event that its status would be; empty where there is none."""
        if not self.is_stream:
            name = f"response.{self.response.get('status')}"
            return name if name in TERMINALS else ""
        types = [event.get("type") for event in self.events]
        return next((str(type_) for type_ in reversed(types) if type_ in TERMINALS), "")

    @property
    def items(self) -> list[dict[str, Any]]:
        """The items as they were finished in the stream, or as a body lists them."""
        done = [event.get("item") for event in self.events if event.get("type") == "response.output_item.done"]
        items = done if self.is_stream else self.response.get("output")
        return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []

    @property
    def text(self) -> str:
        """The text of the messages, as their parts state it at the end."""
        return _text(item for item in self.items if item.get("type") == "message")

    @property
    def all_text(self) -> str:
        """The text of the messages and of the reasoning."""
        return _text(self.items)

    @property
    def deltas(self) -> list[str]:
        """The deltas of the messages' texts."""
        return [str(e.get("delta")) for e in self.events if e.get("type") == "response.output_text.delta"]

    @property
    def failure(self) -> str:
        """Why it can't be judged: nothing came, it isn't whole, or the server failed; empty otherwise."""
        if self.trouble:
            return self.trouble
        if self.status >= _SERVER_ERROR and not self.upgrade_refused:
            return f"{self.status}: {self.words}"
        return ""

    @property
    def is_limited(self) -> bool:
        """Whether the server has had too many requests."""
        return self.status == _TOO_MANY

    @property
    def refuses_key(self) -> bool:
        """Whether the server refuses the key, and so says nothing of what was asked."""
        errors = [event.get("status") for event in self.events if event.get("type") == "error"]
        # Frameworks answer 403 to the handshake of a WebSocket at a path that they don't serve.
        known = (_UNAUTHORIZED,) if self.upgrade_refused else (_UNAUTHORIZED, _FORBIDDEN)
        return any(status in known for status in (self.status, *errors))

    @property
    def refusal(self) -> str:
        """The server's words where it refuses the request, by a status or by an error before any item."""
        if self.upgrade_refused:
            return f"{self.status} to the WebSocket handshake"
        if _CLIENT_ERROR <= self.status < _SERVER_ERROR:
            return f"{self.status}: {self.words}"
        if any(event.get("type") == "response.output_item.added" for event in self.events):
            return ""
        if any(event.get("type") in ("error", "response.failed") for event in self.events):
            return f"in the stream: {self.words}"
        return ""

    @property
    def words(self) -> str:
        """The server's own words about an error, in a line."""
        errors = [event for event in self.events if event.get("type") in ("error", "response.failed")]
        stated = errors[-1] if errors else self.document
        text = _message(stated) or self.body.decode(errors="replace").strip()
        if "html" in self.content_type or text.lower().startswith(("<!doctype html", "<html")):
            text = page_words(text).removeprefix(f"{self.status} ")
        line = " ".join(text.split())
        return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"

    @property
    def error_code(self) -> object:
        """The code of an error event, or of an error in JSON; None where there is none."""
        errors = [event for event in self.events if event.get("type") == "error"]
        stated = errors[-1] if errors else self.document
        inner = stated.get("error") if isinstance(stated, dict) else None
        holder = inner if isinstance(inner, dict) else stated
        return holder.get("code") if isinstance(holder, dict) else None


def _text(items: Iterable[Mapping[str, Any]]) -> str:
    contents = [item.get("content") or [] for item in items]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    return "".join(str(part.get("text") or "") for part in parts if isinstance(part, dict))


def _message(stated: object) -> str:
    """The message in an error of any of the shapes that servers use."""
    if isinstance(stated, str):
        return stated
    if not isinstance(stated, dict):
        return ""
    for name in ("error", "message", "detail", "response"):
        if stated.get(name):
            inner = stated[name]
            return _message(inner[0] if isinstance(inner, list) and inner else inner)
    return str(stated.get("msg") or "")
