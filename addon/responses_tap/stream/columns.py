"""The columns of a stream: the one table behind schema, reader, filters, lists, exports and redaction.

It lives below all of them: filters, privacy and formats know nothing of SQLite. It imports next to nothing, because
`--help` lists the fields of a filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

type Headers = tuple[tuple[str, str], ...]
"""The headers of a message in their order, names as sent."""
type Count = int
"""0 or more."""
type Nanoseconds = int
"""A time in a stream; it may be negative."""
type Body = str
"""A text that the file may store as bytes."""


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One request and its streamed response. Times that end in `_ns`: nanoseconds since `started_at`."""

    id: int
    started_at: str
    """ISO 8601, UTC, microseconds: the wall clock at the request."""
    method: str
    url: str
    host: str
    model: str | None
    route: str
    """`sse` or `websocket`."""
    http_version: str
    request_headers: Headers
    """Secrets masked. JSON in the file: a list of [name, value]."""
    request_body: Body | None
    """Secrets masked; None in rows of `Recording.streams`. A BLOB in the file if it was too large for memory."""
    status: int | None
    response_headers: Headers
    content_encoding: str | None
    state: str
    """open, queued, in_progress, completed, incomplete, failed, cancelled, truncated or http-error."""
    ended_by: str | None
    """server, client, network, recorder or unknown; None while open."""
    end_reason: str | None
    response_id: str | None
    first_byte_ns: Nanoseconds | None
    first_event_ns: Nanoseconds | None
    """When the first event was complete, None before that."""
    last_byte_ns: Nanoseconds | None
    end_ns: Nanoseconds | None
    attempt: int
    """The SDK's retry count, 0 for the first try."""
    event_count: Count
    """Events so far. While the stream is open, comments count too."""
    input_tokens: int | None
    output_tokens: int | None
    wire_size: Count | None
    """Bytes of the body on the wire, None while open."""
    shape: str | None
    """Fingerprint of the sequence of event types, runs folded."""
    source: str
    """`captured`, or what it was imported from."""
    mark: str | None
    note: str | None
    response_body: bytes | None
    """A response that isn't an event stream, content-decoded; None in rows of `Recording.streams`."""
    socket: int | None
    """The WebSocket that it came over, None for a stream of its own connection."""
    socket_ns: Nanoseconds | None
    """`started_at` in nanoseconds since the socket's."""
    continues: int | None
    """The stream whose response a client resumed here (`starting_after`)."""
    retry_of: int | None
    """The stream of the attempt before this one."""
    previous_response_id: str | None
    """The response that the request continues, by the ID that it gives."""
    conversation: str | None
    """What the turns of one conversation have in common: how the client names it, else the id of its first stream."""
    turn: Count | None
    """Which turn of its conversation it is, from 1; another attempt is the same turn."""
    follows: int | None
    """The stream of the turn before."""
    prompt: str | None
    """The first words of the newest message, or of the tool results that the request brings. Secrets masked."""
    tools: str | None
    """The tools that the response calls, each once, with `, ` between them."""
    turns: Count | None
    """How many turns its conversation has."""
    rules: str | None
    """The version of the rules behind the verdict, None where there is no verdict."""
    profile: str | None
    errors: Count
    warnings: Count
    notes: Count
    first_code: str | None

    @property
    def links(self) -> list[str]:
        """How it is related to other streams, in words."""
        links = (
            ("over WebSocket", self.socket),
            ("continues stream", self.continues),
            ("another attempt of stream", self.retry_of),
        )
        return [f"{words} {other}" for words, other in links if other is not None] + [self.turn_words] * bool(
            self.turn_words
        )

    @property
    def turn_words(self) -> str:
        """Its place in its conversation, in words; empty where it is the only turn."""
        if self.turn is None or self.turns is None or self.turns <= 1:
            return ""
        return f"turn {self.turn} of {self.turns}" + (f", after stream {self.follows}" if self.follows else "")


def header(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The value of the first header with this name (in lower case), or None."""
    return next((value for key, value in headers if key.lower() == name), None)


class _Ended(Protocol):
    """The fields of a StreamRow that `is_unstreamed` looks at."""

    @property
    def state(self) -> str: ...
    @property
    def event_count(self) -> Count: ...


def is_unstreamed(row: _Ended) -> bool:
    """Whether a response came as one JSON object, without any events."""
    return row.event_count == 0 and row.state in ("completed", "incomplete", "failed", "queued", "in_progress")


_NUMBERS = ("int", "Count", "Nanoseconds")
"""How the types of numbers are named in `StreamRow`."""


class Column(NamedTuple):
    """All there is to know about a field of `StreamRow`."""

    name: str
    sql: str = ""
    """Its type in the table `streams`; empty where it isn't a column there."""
    private: bool = False
    """Whether it may reveal who asked whom for what: `--structure-only` drops it, unless it can make it safe."""
    words: str = ""
    """What to call it when secrets or personal data are found in it: its content comes from outside."""
    filter: str = ""
    """The filter field for it: name, colon, meaning; empty where there is none."""
    listed: str = ""
    """Its key in `list --format json`; empty where it isn't there."""
    trace: str = ""
    """Its place in an exported trace (`request.method`); empty where it isn't there."""
    carried: bool = False
    """Whether it is a user's own text, which trace and HAR carry from one recording to another."""
    bulk: bool = False
    """Whether lists of streams do without it."""
    since: str = ""
    """The migration that added it, if not the first one: it is None for a file without that migration."""
    value: str = ""
    """The SQL of its value, where that isn't just the column: `s` is the stream, `v` its verdict."""

    @property
    def is_headers(self) -> bool:
        """Whether it holds the headers of a message."""
        return self.name.endswith("_headers")

    @property
    def is_body(self) -> bool:
        """Whether it holds the body of a message."""
        return self.name.endswith("_body")

    @property
    def is_number(self) -> bool:
        """Whether it is a number, not a text or bytes."""
        return str(StreamRow.__annotations__[self.name]).startswith(_NUMBERS)


_STATES = "open, queued, in_progress, completed, incomplete, failed, cancelled, truncated or http-error"
_FIRST_EVENT = "(SELECT at_ns FROM events WHERE stream = s.id AND position IS NOT NULL ORDER BY n LIMIT 1)"
# An open stream has no last byte and event count in its row: they would have to be rewritten with every batch.
_LAST_BYTE = "coalesce(s.last_byte_ns, (SELECT at_ns FROM chunks WHERE stream = s.id ORDER BY n DESC LIMIT 1))"
_EVENTS = "coalesce(s.event_count, (SELECT max(n) + 1 FROM events WHERE stream = s.id), 0)"
_CONVERSATIONS = "m010_conversations"
_TURNS = "(SELECT max(t.turn) FROM streams t WHERE t.conversation = s.conversation)"

_TABLE = (
    Column("id", "INTEGER", filter="id: the stream's number", listed="id"),
    Column("started_at", "TEXT NOT NULL", listed="started_at", trace="started_at"),
    Column("method", "TEXT NOT NULL", private=True, trace="request.method"),
    Column("url", "TEXT NOT NULL", True, "the URL", filter="url: the URL of the request", trace="request.url"),
    Column("host", "TEXT NOT NULL", private=True, filter="host: host and port of the API"),
    Column("model", "TEXT", private=True, filter="model: the model", listed="model", trace="model"),
    Column("route", "TEXT NOT NULL", filter="route: sse or websocket", listed="route", trace="route"),
    Column("http_version", "TEXT NOT NULL", private=True, trace="request.http_version"),
    Column("request_headers", "TEXT NOT NULL", True, "the request header", trace="request.headers", bulk=True),
    Column("request_body", "ANY", True, "the request body", trace="request.body", bulk=True),
    Column("status", "INTEGER", filter="status: the HTTP status", listed="status", trace="response.status"),
    Column("response_headers", "TEXT", True, "the response header", trace="response.headers", bulk=True),
    Column("content_encoding", "TEXT", private=True, trace="response.content_encoding"),
    Column("state", "TEXT NOT NULL", filter=f"state: {_STATES}", listed="state", trace="state"),
    Column(
        "ended_by",
        "TEXT",
        filter="ended_by: server, client, network, recorder or unknown",
        listed="ended_by",
        trace="ended_by",
    ),
    Column("end_reason", "TEXT", words="the reason of the end", trace="end_reason"),
    Column(
        "response_id",
        "TEXT",
        private=True,
        filter="response_id: the response's id",
        listed="response_id",
        trace="response_id",
    ),
    Column("first_byte_ns", "INTEGER", filter="first: seconds until the first byte"),
    Column("first_event_ns", value=_FIRST_EVENT),
    Column("last_byte_ns", "INTEGER", value=_LAST_BYTE),
    Column("end_ns", "INTEGER", filter="took: seconds until the end", trace="end_ns"),
    Column("attempt", "INTEGER NOT NULL", trace="attempt"),
    Column("event_count", "INTEGER", filter="events: how many events", listed="events", value=_EVENTS),
    Column("input_tokens", "INTEGER", private=True, listed="input_tokens"),
    Column("output_tokens", "INTEGER", private=True, listed="output_tokens"),
    Column("wire_size", "INTEGER"),
    Column("shape", "TEXT", private=True),
    Column("source", "TEXT NOT NULL", private=True),
    Column("mark", "TEXT", True, "the mark", trace="mark", carried=True),
    Column("note", "TEXT", True, "the note", trace="note", carried=True),
    Column("response_body", "BLOB", True, "the response body", trace="response.body", bulk=True),
    Column("socket", "INTEGER", trace="socket", since="m002_sockets"),
    Column("socket_ns", "INTEGER", since="m002_sockets"),
    Column("continues", "INTEGER", trace="continues", since="m002_sockets"),
    Column("retry_of", "INTEGER", trace="retry_of", since="m002_sockets"),
    Column("previous_response_id", "TEXT", private=True, listed="previous_response_id", since=_CONVERSATIONS),
    Column(
        "conversation",
        "TEXT",
        private=True,
        filter="conversation: a conversation, as `list --by-conversation` names it",
        listed="conversation",
        since=_CONVERSATIONS,
    ),
    Column("turn", "INTEGER", listed="turn", since=_CONVERSATIONS),
    Column("follows", "INTEGER", listed="follows", since=_CONVERSATIONS),
    Column(
        "prompt",
        "TEXT",
        True,
        "the prompt",
        filter="prompt: words in the newest message or tool result",
        listed="prompt",
        since=_CONVERSATIONS,
    ),
    Column(
        "tools", "TEXT", True, "a tool", filter="tool: a tool that was called", listed="tools", since=_CONVERSATIONS
    ),
    Column("turns", listed="turns", since=_CONVERSATIONS, value=_TURNS),
    Column("rules", value="v.rules"),
    Column("profile", value="v.profile"),
    Column("errors", filter="errors: how many errors", listed="error", value="coalesce(v.error, 0)"),
    Column("warnings", filter="warnings: how many warnings", listed="warning", value="coalesce(v.warning, 0)"),
    Column("notes", filter="notes: how many notes", listed="note", value="coalesce(v.note, 0)"),
    Column("first_code", listed="first_code", value="v.first_code"),
)
COLUMNS = {column.name: column for column in _TABLE}
"""Every field of `StreamRow` by name, in order."""
