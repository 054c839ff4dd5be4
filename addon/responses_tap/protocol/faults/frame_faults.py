"""TR, and bodies that are something else: how events are written into bytes."""

import json
import re
from collections.abc import Callable, Sequence

from responses_tap.protocol.faults.draft import Block, Event, counted_like
from responses_tap.protocol.faults.ways import Fault, Way, edit, everywhere, fault, insert, names

type Spoil = Callable[[Sequence[Block], int], list[Block] | None]

_DONE = Block(b"data: [DONE]\n\n", None)
_LINE_ENDS = re.compile(rb"(?:\r\n|\r|\n)+\Z")
_NAME = re.compile(rb"^event:[^\r\n]*(\r\n|\r|\n)", re.MULTILINE)
_DELTA = re.compile(rb'("delta" *: *")')
_CHAT = {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
_TERMINALS = frozenset(names("completed incomplete failed"))


def _raw(title: str, spoil: Spoil, types: str = "", *, needs: str = "") -> Way:
    """A way that works on bytes; `spoil` gets the place of the block, not of the event."""

    def at_event(blocks: Sequence[Block], n: int) -> list[Block] | None:
        places = [place for place, block in enumerate(blocks) if block.event is not None]
        return spoil(blocks, places[n])

    listed = names(types)
    return Way(title, at_event, frozenset(listed), needs or " or ".join(listed) or "an event")


def _rewritten(title: str, rewrite: Callable[[bytes], bytes], types: str = "", *, needs: str = "") -> Way:
    """Change the bytes of a block."""

    def spoil(blocks: Sequence[Block], place: int) -> list[Block] | None:
        block = blocks[place]
        raw = rewrite(block.raw)
        return None if raw == block.raw else [*blocks[:place], block._replace(raw=raw), *blocks[place + 1 :]]

    return _raw(title, spoil, types, needs=needs)


def _inserted(title: str, raw: bytes) -> Way:
    """Put a block before one that isn't the first event."""

    def spoil(blocks: Sequence[Block], place: int) -> list[Block] | None:
        if not any(block.event is not None for block in blocks[:place]):
            return None
        return [*blocks[:place], Block(raw, None, blocks[place].at_ns), *blocks[place:]]

    return _raw(title, spoil, needs="a second event")


def _whole(title: str, body: Callable[[Sequence[Block]], list[bytes] | None], *, needs: str = "an event") -> Way:
    """Send something else instead of the stream."""

    def spoil(blocks: Sequence[Block], place: int) -> list[Block] | None:
        is_first = not any(block.event is not None for block in blocks[:place])
        raws = body(blocks) if is_first else None
        return None if raws is None else [Block(raw, None, blocks[0].at_ns) for raw in raws]

    return _raw(title, spoil, needs=needs)


def _chunks(blocks: Sequence[Block]) -> list[bytes]:
    chunk = b"data: " + json.dumps(_CHAT).encode() + b"\n\n"
    return [chunk for block in blocks if block.event is not None]


def _response(blocks: Sequence[Block]) -> list[bytes] | None:
    last = next((block.event for block in reversed(blocks) if block.event), {})
    return [json.dumps(last["response"]).encode()] if "response" in last else None


def _nameless(blocks: Sequence[Block], _place: int) -> list[Block]:
    return [block._replace(raw=_NAME.sub(b"", block.raw, count=1)) for block in blocks]


def _marked_early(blocks: Sequence[Block], place: int) -> list[Block] | None:
    """Put `[DONE]` before this event and leave out a later one."""
    before, after = blocks[:place], blocks[place:]
    has_end = any((block.event or {}).get("type") in _TERMINALS for block in after)
    sent = [block.event for block in before if block.event is not None]
    if not has_end or not sent or any(event.get("type") == "error" for event in sent):
        return None
    return [*before, _DONE._replace(at_ns=blocks[place].at_ns), *(b for b in after if not b.is_done_marker)]


def _ping_after_marker(blocks: Sequence[Block], _place: int) -> list[Block]:
    ping = Block(b'event: ping\ndata: {"type":"ping"}\n\n', {"type": "ping"}, blocks[-1].at_ns)
    done = [] if blocks[-1].is_done_marker else [_DONE._replace(at_ns=blocks[-1].at_ns)]
    return [*blocks, *done, ping]


def _run_together(blocks: Sequence[Block], place: int) -> list[Block] | None:
    if place + 1 == len(blocks) or blocks[place + 1].event is None or not blocks[place + 1].raw.startswith(b"event:"):
        return None
    return [*blocks[:place], blocks[place].without_blank_line(), *blocks[place + 1 :]]


def _unterminated(blocks: Sequence[Block], place: int) -> list[Block] | None:
    if place + 1 != len(blocks):
        return None
    return [*blocks[:place], blocks[place]._replace(raw=_LINE_ENDS.sub(b"", blocks[place].raw))]


def _another_response(events: list[Event], n: int) -> list[Event] | None:
    """Break off before the n-th event and begin again as another response."""
    if n < 1 or n + 1 >= len(events) or events[0].get("type") != "response.created":
        return None
    id_ = events[0]["response"]["id"]
    again = everywhere([dict(event) for event in events], id_, f"{id_}x")
    ids = [event["item"]["id"] for event in events if (event.get("item") or {}).get("id")]
    for item in dict.fromkeys(ids):
        again = everywhere(again, item, f"{item}x")
    return [*events[:n], *again]


def _keepalive(events: list[Event], n: int) -> list[Event] | None:
    if n <= 1:
        return None
    return [*events[:n], {"type": "response.in_progress"} | counted_like(events[n]), *events[n:]]


FRAME_FAULTS: tuple[Fault, ...] = (
    fault(
        "LC110",
        _whole("send an empty body", lambda _: []),
        _whole("send an HTML page", lambda _: [b"<!doctype html>\n<title>502 Bad Gateway</title>\n"]),
        _whole("send an error in JSON", lambda _: [b'{"error":{"message":"The server had an error."}}']),
        _whole("send the whole response in JSON", _response, needs="a terminal response"),
    ),
    fault("SC814", insert("send an error without a type", {"error": {"message": "The server had an error."}})),
    fault("SC815", _whole("send chunks of Chat Completions", _chunks)),
    fault("TR901", _rewritten("write another name into the event: line",
                              lambda raw: raw.replace(b"event: ", b"event: x.", 1), needs="an event: line")),
    fault("TR902", _raw("leave out all event: lines", _nameless, needs="an event: line")),
    fault("TR903", _inserted("send data that is not JSON", b'event: keepalive\ndata: {"type":"keepalive"\n\n')),
    fault("TR904", _inserted("send data that is not an object", b'event: keepalive\ndata: ["keepalive"]\n\n')),
    fault("TR905", _rewritten("write a byte that is not UTF-8", lambda raw: _DELTA.sub(rb"\1" + b"\xff", raw, count=1),
                              "output_text.delta function_call_arguments.delta reasoning_summary_text.delta")),
    fault("TR908", _raw("send [DONE] early", _marked_early, needs="an event before the terminal event")),
    fault("TR910", _raw("send an event after [DONE]", _ping_after_marker, "completed incomplete failed")),
    fault("TR911", _raw("leave out the last blank line", _unterminated, "completed incomplete failed",
                        needs="a terminal event without [DONE] after it")),
    fault("TR912", _inserted("send an event: line without data", b"event: ping\n\n")),
    fault("TR913", edit("send response.in_progress without its response as a keepalive", "", _keepalive,
                        needs="a third event")),
    fault("TR914", _raw("leave out the blank line after an event", _run_together,
                        needs="two events with event: lines")),
    fault("TR917", edit("break off and begin again as another response", "", _another_response, renumbers=False,
                        needs="response.created and two more events")),
)  # fmt: skip
