"""What a request and its output say of the conversation that they are a turn of: by what turns are linked.

Clients say it by `previous_response_id`, by the id of a conversation, by a header (Codex), or by sending the turn
before again. To find that one, histories are compared by digests of their items: what clients leave out or write in
another way (reasoning, statuses, ids, how text is cut into parts) doesn't count. Everything here is made of what
is recorded, in which secrets are masked.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from responses_tap.protocol.events import Event, json_object, string
from responses_tap.protocol.grammar import TERMINALS
from responses_tap.stream.columns import Headers, header
from responses_tap.stream.storable import LONGEST, short_text

_THREAD_HEADERS = ("thread-id", "conversation-id", "session-id")
"""How Codex names a conversation, in each request or in the handshake of a WebSocket, in earlier releases with `_`
for `-`. The threads of one session are conversations of their own."""
_MOST_WORDS = 200
"""Characters of a prompt that a row has."""
_MOST_ITEMS = 10_000
"""The newest items of a request that are looked at for what they refer to."""
_LONGEST_ITEM = 2**22
"""Characters of an item that is compared: masking it takes 16 times its size."""
_TEXTS = frozenset(("input_text", "output_text", "text", "refusal"))
ITEM_DONE = "response.output_item.done"
OUTPUT_TYPES = (ITEM_DONE, *sorted(TERMINALS))
"""The types of the events that have output items whole."""


class ToolResult(NamedTuple):
    """The result of a call that a request brings."""

    call_id: str
    name: str | None
    """The tool's, where the request has the call, too."""
    words: str


class RequestClues(NamedTuple):
    """What a request says of its conversation."""

    previous_response_id: str | None = None
    thread: str | None = None
    """How the client names the conversation."""
    prompt: str | None = None
    """The first words of the newest message, None where results came instead."""
    results: tuple[ToolResult, ...] = ()
    """The results at its end, which are new."""
    call_ids: tuple[str, ...] = ()
    """Those of all results in it, the newest first."""
    item_ids: tuple[str, ...] = ()
    """Of all items in it, the newest first: those of a response's output were given by the server."""
    histories: tuple[str, ...] = ()
    """The digests of its input as far as each item but the last; empty where it begins with an earlier response."""
    history: bytes | None = None
    """The digest of all of its input, to which the output is added; None as above."""


class OutputItem(NamedTuple):
    """An item that a response has put out, as far as turns and calls are linked by it."""

    output_index: int
    position: int | None
    """Of the event in its response that has it whole; None for a response that wasn't streamed."""
    type: str
    item_id: str | None
    call_id: str | None
    tool: str | None
    """The name of the tool that it calls, None where it isn't a call."""
    digest: bytes | None
    """None where clients needn't send it back."""


class Call(NamedTuple):
    """A call of a tool, and where its result came."""

    stream: int
    """The stream in whose output it is."""
    position: int | None
    """Of the event there that has it whole, None where that isn't known."""
    call_id: str | None
    tool: str
    """Its name, or the type of one of the API's own."""
    result: int | None
    """The stream whose request brings the result; None where none does, or where the API runs the tool itself."""

    def seen_from(self, stream: int) -> str:
        """What it is for one of the two streams, in words; "" for a call without a result."""
        if self.stream != stream:
            return f"brings the result of {self.tool}, called in stream {self.stream}"
        return f"calls {self.tool}, whose result came with stream {self.result}" if self.result else ""


def clues_of(headers: Headers, body: str | None) -> RequestClues:
    """What a request with these headers and this body says; the body's masks all have to be alike."""
    document = json_object(body or "")
    previous = string(document, "previous_response_id") or None
    named = _thread(document)
    thread = named or _named_in(headers)
    items = _items(document.get("input"))
    chain = [] if previous or named else list(_chain(b"", map(_digest, items)))
    recent = items[: -_MOST_ITEMS - 1 : -1]
    results = _results(items)
    return RequestClues(
        previous and short_text(previous),
        thread and short_text(thread),
        None if results else _prompt(recent),
        results,
        _texts_of((item for item in recent if _is_result(item)), "call_id"),
        _texts_of(recent, "id"),
        tuple(link.hex() for link in dict.fromkeys(chain[:-1])),
        chain[-1] if chain else None,
    )


class OutputItems:
    """The output of a response, item by item."""

    def __init__(self) -> None:
        self._items: dict[tuple[int, int], OutputItem] = {}

    def take(self, event: Event) -> None:
        """Take an event of OUTPUT_TYPES."""
        if event.type == ITEM_DONE:
            index = len(self._items) if event.output_index is None else event.output_index
            self._add(event.response, index, event.position, event.data.get("item"))
        else:
            self.complete(event.object("response"), event.response, event.position)

    def complete(self, response: Mapping[str, Any], number: int = 0, position: int | None = None) -> None:
        """Take a whole response: what has not been streamed of its output."""
        for index, item in self._missing(response, number):
            self._add(number, index, position, item)

    def as_repeated(self, item: dict[str, Any]) -> dict[str, Any]:
        """An item that counts, as what is recorded of a later request has it."""
        return item

    def _missing(self, response: Mapping[str, Any], number: int) -> Iterator[tuple[int, object]]:
        output = response.get("output")
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if (number, index) not in self._items:
                yield index, item

    def _add(self, number: int, index: int, position: int | None, item: object) -> None:
        if isinstance(item, dict):
            item = self.as_repeated(item) if _counts(item) else item
            self._items[number, index] = _output_item(index, position, item)

    @property
    def items(self) -> list[OutputItem]:
        """The items in order."""
        return [item for _, item in sorted(self._items.items())]

    @property
    def tools(self) -> str | None:
        """The names of the tools that are called, each once, with commas between them; None where none is."""
        names = dict.fromkeys(item.tool for item in self.items if item.tool)
        return ", ".join(names)[:LONGEST] or None

    def history(self, asked: bytes | None) -> str | None:
        """The digest of a request's input and this output: what the next request begins with; None without output."""
        digests = [item.digest for item in self.items if item.digest]
        if asked is None or not digests:
            return None
        return list(_chain(asked, digests))[-1].hex()


def _output_item(index: int, position: int | None, item: dict[str, Any]) -> OutputItem:
    type_, item_id, call_id = (short_text(item.get(name)) for name in ("type", "id", "call_id"))
    return OutputItem(index, position, type_, item_id or None, call_id or None, _tool(item), _digest(item))


def _tool(item: dict[str, Any]) -> str | None:
    """The tool that an item calls: by its name, or by its type where the API has it itself (`web_search`)."""
    type_ = short_text(item.get("type"))
    if not type_.endswith("_call"):
        return None
    return short_text(item.get("name")) or type_.removesuffix("_call")


def _thread(document: dict[str, Any]) -> str | None:
    """The conversation that a request names: its id, or an object with it."""
    named = document.get("conversation")
    return string(document, "conversation") or (string(named, "id") if isinstance(named, dict) else None)


def _named_in(headers: Headers) -> str | None:
    """The conversation that a client names in a header."""
    known = [(name.replace("_", "-"), value) for name, value in headers]
    return next(filter(None, (header(known, name) for name in _THREAD_HEADERS)), None)


def _items(asked: object) -> list[dict[str, Any]]:
    if isinstance(asked, str):
        return [{"role": "user", "content": asked}]
    return [item for item in asked if isinstance(item, dict)] if isinstance(asked, list) else []


def _chain(before: bytes, digests: Iterable[bytes | None]) -> Iterator[bytes]:
    """The digests of a history, as far as each of its items; those that don't count change nothing."""
    for digest in digests:
        before = hashlib.sha256(before + digest).digest()[:16] if digest else before
        yield before


def _digest(item: dict[str, Any]) -> bytes | None:
    """A digest of what both sides say of an item; None where it doesn't count."""
    core = _core(item)
    return None if core is None else hashlib.sha256(written(core).encode()).digest()


def written(value: object) -> str:
    """JSON, with members in order; empty where it is nested too deeply."""
    try:
        return json.dumps(value, sort_keys=True)
    except RecursionError:
        return ""


def _counts(item: dict[str, Any]) -> bool:
    """Whether an item is compared.

    Not reasoning, references, and calls of the API's own tools, which not everybody sends back; and none that is huge.
    """
    is_call = string(item, "type") is not None and string(item, "call_id") is not None
    return (is_call or string(item, "role") is not None) and _characters(item) <= _LONGEST_ITEM


def _characters(value: object) -> int:
    """How many characters the strings in a JSON value have."""
    found, rest = 0, [value]
    while rest:
        value = rest.pop()
        if isinstance(value, str):
            found += len(value)
        elif isinstance(value, dict):
            rest += value.values()
        elif isinstance(value, list):
            rest += value
    return found


def _core(item: dict[str, Any]) -> list[Any] | None:
    if not _counts(item):
        return None
    type_, call_id = string(item, "type"), string(item, "call_id")
    if string(item, "role") is not None:
        return ["message", item["role"], _content(item.get("content"))]
    if _is_result(item):
        return [type_, call_id, _content(item.get("output"))]
    return [type_, call_id, string(item, "name"), _arguments(string(item, "arguments"))]


def _content(content: object) -> object:
    """The texts of a content joined, however it is cut into parts; of anything else its type."""
    if isinstance(content, str) or not isinstance(content, list):
        return content
    parts = [part for part in content if isinstance(part, dict)]
    others = [str(part.get("type")) for part in parts if part.get("type") not in _TEXTS]
    return [_text_in(parts), *others] if others else _text_in(parts)


def _text_in(parts: Iterable[dict[str, Any]]) -> str:
    return "".join(string(part, "text") or string(part, "refusal") or "" for part in parts)


def _arguments(arguments: str | None) -> object:
    """The arguments of a call, the same for the same JSON."""
    try:
        return json.loads(arguments or "")
    except (ValueError, RecursionError):
        return arguments


def _is_result(item: dict[str, Any]) -> bool:
    return (string(item, "type") or "").endswith("_output") and string(item, "call_id") is not None


def _results(items: list[dict[str, Any]]) -> tuple[ToolResult, ...]:
    first = len(items)
    while first and _is_result(items[first - 1]):
        first -= 1
    names = {item["call_id"]: _tool(item) for item in items[:first] if string(item, "call_id")}
    return tuple(
        ToolResult(short_text(item["call_id"]), names.get(item["call_id"]), _words(item.get("output")))
        for item in items[first:]
    )


def _prompt(newest_first: Iterable[dict[str, Any]]) -> str | None:
    messages = [item for item in newest_first if string(item, "role")]
    newest = next((item for item in messages if item["role"] == "user"), messages[0] if messages else None)
    return (_words(newest.get("content")) or None) if newest else None


def _words(content: object) -> str:
    """The first words of a content; of one without text the types of its parts."""
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict)]
        content = _text_in(parts) or ", ".join(f"[{string(part, 'type') or 'part'}]" for part in parts)
    text = content if isinstance(content, str) else "" if content is None else written(content)
    return short_text(first_words(" ".join(text[: 10 * _MOST_WORDS].split())))


def first_words(text: str) -> str:
    """As much of a text as a row has of its prompt."""
    return text if len(text) <= _MOST_WORDS else f"{text[: _MOST_WORDS - 1]}…"


def _texts_of(items: Iterable[dict[str, Any]], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(short_text(text) for item in items if (text := string(item, name))))
