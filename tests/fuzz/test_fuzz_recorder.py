"""Whatever peers send, the recorder takes it, and a stream beside it is whole."""

import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.conftest import RECORDINGS, body
from tests.spooled import record

from responses_tap.protocol.grammar import ROWS
from responses_tap.recorder.messages import (
    EndingMessage,
    MessageKind,
    RequestMessage,
    ResponseMessage,
    SocketMessage,
    encode_message,
)
from responses_tap.recorder.worker_side import worker as worker_module
from responses_tap.store import open_recording

GOOD = (RECORDINGS / "clean/text.sse").read_bytes()
SSE = ("content-type", "text/event-stream")


def framed(found: list[dict[str, Any]]) -> bytes:
    return (
        body(*({**event, "type": event["type"]} for event in found))
        if all(
            isinstance(event["type"], str) and event["type"].isascii() and event["type"].isprintable()
            for event in found
        )
        else b"".join(b"data: " + _json(event) + b"\n\n" for event in found)
    )


def _json(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


numbers = st.integers() | st.sampled_from([2**63, -(2**63) - 1, 2**64, 10**400]) | st.floats()
texts = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(["\ud800", "\0", "x" * 10_000, "9" * 5000])
wild = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
fields = st.sampled_from(
    [
        "sequence_number",
        "output_index",
        "content_index",
        "item_id",
        "item",
        "part",
        "response",
        "delta",
        "text",
        "error",
    ]
)
response = st.dictionaries(st.sampled_from(["id", "model", "status", "usage", "output", "created_at"]), wild)
events = st.builds(
    lambda type_, members, snapshot: {**members, "type": type_} | ({"response": snapshot} if snapshot else {}),
    st.sampled_from(sorted(ROWS)) | wild,
    st.dictionaries(fields, wild),
    response,
)
headers = st.lists(
    st.tuples(
        st.sampled_from(["x-stainless-retry-count", "content-encoding", "content-type", "authorization"]) | texts,
        texts | st.sampled_from(["gzip", "br", "zstd", "gzip, br", "9" * 30, "٣"]),
    ),
    max_size=4,
)
pieces = st.lists(
    st.binary(max_size=50) | st.lists(events, max_size=3).map(framed) | st.just(GOOD[:700]),
    max_size=4,
)


def asked(draw: st.DrawFn, kind: MessageKind) -> bytes:
    route = "websocket" if kind is MessageKind.SOCKET else "sse"
    raw = draw(st.none() | st.binary(max_size=40))
    if raw is not None and draw(st.booleans()):
        return raw
    started = draw(st.sampled_from(["2026-11-23T08:00:00.000000Z", "yesterday", ""]))
    line = [draw(texts) for _ in range(4)]
    return RequestMessage(
        line[0], line[1], line[2], line[3], draw(headers), started, draw(st.booleans()), raw or b"{}", route
    ).encode()


@st.composite
def flows(draw: st.DrawFn) -> list[tuple[MessageKind, bytes]]:
    kind = draw(st.sampled_from([MessageKind.REQUEST, MessageKind.SOCKET]))
    messages = [(kind, asked(draw, kind))]
    status: Any = draw(st.integers(0, 999) | wild)
    messages.append(
        (MessageKind.RESPONSE, ResponseMessage(status, [*draw(headers), *draw(st.sampled_from([[], [SSE]]))]).encode())
    )
    for piece in draw(pieces):
        if kind is MessageKind.SOCKET:
            content = draw(st.just(piece) | events.map(_json) | st.just(b'{"type":"response.create"}'))
            messages.append(
                (MessageKind.MESSAGE, SocketMessage(draw(st.booleans()), draw(st.booleans()), content).encode())
            )
        else:
            messages.append((MessageKind.CHUNK, piece))
    messages += draw(st.lists(st.tuples(st.sampled_from(list(MessageKind)), st.binary(max_size=20)), max_size=2))
    code: Any = draw(wild)
    messages.append(
        (
            MessageKind.ENDING,
            EndingMessage("server", draw(texts), draw(st.booleans()), 0, code, draw(st.none() | texts)).encode(),
        )
    )
    return messages


def good() -> list[tuple[MessageKind, bytes]]:
    request = RequestMessage(
        "POST", "http://good/responses", "good", "HTTP/1.1", [], "2026-11-23T08:00:00.000000Z", True, b"{}"
    )
    chunks = [(MessageKind.CHUNK, GOOD[at : at + 200]) for at in range(0, len(GOOD), 200)]
    end = EndingMessage("server", "the server ended the response", complete=True)
    return [
        (MessageKind.REQUEST, request.encode()),
        (MessageKind.RESPONSE, ResponseMessage(200, [SSE]).encode()),
        *chunks,
        (MessageKind.ENDING, end.encode()),
    ]


@given(st.lists(flows(), min_size=1, max_size=2))
def test_a_stream_beside_whatever_comes_is_whole(wild_flows: list[list[tuple[MessageKind, bytes]]]) -> None:
    queues = [good(), *map(list, wild_flows)]
    messages = []
    for at in range(max(map(len, queues))):
        for flow, queue in enumerate(queues, 1):
            if at < len(queue):
                messages.append(encode_message(int(queue[at][0]), flow, at, queue[at][1]))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(worker_module, "_IDLE_RATIO", 0.0)
        db = Path(folder) / "r.db"
        record(db, messages)
        with closing(sqlite3.connect(db)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        with open_recording(db) as recording:
            streams = [recording.stream(id_) for id_ in recording.stream_ids()]
            assert all(
                recording.body(row.id) is not None and list(recording.frames(row.id)) is not None
                for row in streams
                if row
            )
            (row,) = [row for row in streams if row and row.host == "good"]
            assert (row.state, row.ended_by, recording.body(row.id)) == ("completed", "server", GOOD)
