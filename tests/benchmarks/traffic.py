"""The benchmarks' traffic: an upstream that plays streams, and clients that measure what arrives."""

import asyncio
import contextlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator

STREAMS = 8
"""At full speed."""
BURST_EVENTS = 2000
"""Deltas in each stream at full speed."""
PACED_STREAMS = 50
PACED_RATE = 50
"""Events per second, in each paced stream."""
_FRAMING_EVENTS = 8
"""Those of a stream beside its deltas."""
_EVENTS_A_WRITE = 16
_PAUSE_S = 0.05
"""Between requests: back to back, the recorder's writing of one would compete for the processors with the next."""
_ROUTE = "/v1/responses"


def stream_events(deltas: int) -> Iterator[bytes]:
    """A correct stream with this many text deltas."""
    number = 0
    response = {
        "id": "resp_bench", "object": "response", "created_at": 1790000000, "status": "in_progress", "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "model": "bench", "output": [],
        "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
    }  # fmt: skip
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    usage = {"input_tokens": 1, "output_tokens": deltas, "total_tokens": deltas + 1, **details}
    item = {"id": "msg_bench", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    place = {"item_id": "msg_bench", "output_index": 0, "content_index": 0}
    text = "wort " * deltas
    done = part | {"text": text}
    closed = item | {"status": "completed", "content": [done]}

    def event(name: str, **fields: object) -> bytes:
        nonlocal number
        data = {"type": f"response.{name}", "sequence_number": number, **fields}
        number += 1
        return f"event: response.{name}\ndata: {json.dumps(data)}\n\n".encode()

    yield event("created", response=response)
    yield event("in_progress", response=response)
    yield event("output_item.added", output_index=0, item=item)
    yield event("content_part.added", **place, part=part)
    for _ in range(deltas):
        yield event("output_text.delta", **place, delta="wort ", logprobs=[], obfuscation="x" * 16)
    yield event("output_text.done", **place, text=text, logprobs=[])
    yield event("content_part.done", **place, part=done)
    yield event("output_item.done", output_index=0, item=closed)
    yield event("completed", response=response | {"status": "completed", "output": [closed], "usage": usage})


# --- upstream ---------------------------------------------------------------------------------------------------


async def upstream() -> None:
    """Answers POSTs with a stream: `{"deltas": N, "rate": events/s or 0}` in the body. Prints its port."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            wish = json.loads(await reader.readexactly(size))
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
            if wish["rate"]:
                await _pace(writer, wish["deltas"], wish["rate"])
            else:
                await _pour(writer, wish["deltas"])
            writer.write(b"0\r\n\r\n")


async def _pour(writer: asyncio.StreamWriter, deltas: int) -> None:
    """As fast as it is read; some events a write, each a chunk, like a server that generates fast."""
    for piece in _written[deltas]:
        writer.write(piece)
        await writer.drain()


async def _pace(writer: asyncio.StreamWriter, deltas: int, rate: float) -> None:
    """One event at a time; each says when it was sent, in a comment before it."""
    due = time.monotonic()
    for event in _events[deltas]:
        due += 1 / rate
        await asyncio.sleep(due - time.monotonic())
        data = b": %d\n" % time.monotonic_ns() + event
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await writer.drain()


class _Events(dict[int, list[bytes]]):
    def __missing__(self, deltas: int) -> list[bytes]:
        self[deltas] = list(stream_events(deltas))
        return self[deltas]


class _Written(dict[int, list[bytes]]):
    def __missing__(self, deltas: int) -> list[bytes]:
        chunks = [b"%x\r\n%s\r\n" % (len(event), event) for event in _events[deltas]]
        starts = range(0, len(chunks), _EVENTS_A_WRITE)
        self[deltas] = [b"".join(chunks[at : at + _EVENTS_A_WRITE]) for at in starts]
        return self[deltas]


_events, _written = _Events(), _Written()


# --- clients ----------------------------------------------------------------------------------------------------


class _Connection:
    """A client's connection, kept alive over its requests."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> "_Connection":
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def ask(self, deltas: int, rate: float) -> None:
        body = json.dumps({"model": "bench", "stream": True, "deltas": deltas, "rate": rate}).encode()
        head = f"POST {_ROUTE} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self._writer.write(head.encode() + b"\r\n" + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer or b"transfer-encoding: chunked" not in answer.lower():
            raise ConnectionError(f"an answer that is no stream in chunks: {answer!r}")

    async def chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self._reader.readline(), 16):
            yield await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)

    async def drain(self) -> None:
        """Read a response without looking at it: a client costs the same whatever is between."""
        tail = b""
        while not tail.endswith(b"\r\n0\r\n\r\n"):
            data = await self._reader.read(2**16)
            if not data:
                raise ConnectionError("a response was cut")
            tail = (tail + data)[-7:]


async def pour(port: int, seconds: float, at_least: int = 1) -> tuple[int, float]:
    """As many streams at full speed as there are in this time, `STREAMS` at once; the events and the seconds."""
    start = time.perf_counter()
    streams = 0

    async def one() -> None:
        nonlocal streams
        async with _Connection(port) as connection:
            mine = 0
            while mine < at_least or time.perf_counter() - start < seconds:
                await connection.ask(BURST_EVENTS, 0)
                await connection.drain()
                mine += 1
            streams += mine

    await asyncio.gather(*(one() for _ in range(STREAMS)))
    return streams * (BURST_EVENTS + _FRAMING_EVENTS), time.perf_counter() - start


async def pace(port: int, seconds: float) -> tuple[int, list[float]]:
    """`PACED_STREAMS` at `PACED_RATE`; the events, and the milliseconds that each took from the upstream."""
    deltas = int(seconds * PACED_RATE)
    found: list[float] = []

    async def one(n: int) -> None:
        await asyncio.sleep(n / PACED_STREAMS / PACED_RATE)
        async with _Connection(port) as connection:
            await connection.ask(deltas, PACED_RATE)
            async for chunk in connection.chunks():
                found.append((time.monotonic_ns() - int(chunk[2 : chunk.index(b"\n")])) / 1e6)

    await asyncio.gather(*map(one, range(PACED_STREAMS)))
    return PACED_STREAMS * (deltas + _FRAMING_EVENTS), found


async def first_event(port: int, requests: int) -> tuple[int, float]:
    """Short streams one after the other, each on a connection of its own; the median ms to their first events."""
    found = []
    for _ in range(requests):
        await asyncio.sleep(_PAUSE_S)
        start = time.perf_counter()
        async with _Connection(port) as connection:
            await connection.ask(1, 0)
            chunks = connection.chunks()
            await anext(chunks)
            found.append((time.perf_counter() - start) * 1e3)
            async for _ in chunks:
                pass
    return requests * (1 + _FRAMING_EVENTS), statistics.median(found)


if __name__ == "__main__":
    sys.exit(asyncio.run(upstream()))
