"""What recording costs the traffic: bare mitmproxy with streaming against ours, in alternating pairs.

    python tests/benchmarks/bench_record.py [--pairs 9] [--events 20000] [--seconds 5]

Prints, as medians with their spread: events/s through the proxy (ours : bare, and bare : bare for the noise), the
p99 of the relay latency of 50 streams at 50 events/s, and the time to the first event. Everything runs here, each
part in a process of its own: upstream, bare proxy, recording proxy, and this client.
"""

import argparse
import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

STREAMS = 8
LATENCY_STREAMS = 50
LATENCY_RATE = 50


# --- upstream ---------------------------------------------------------------------------------------------------


def stream_events(deltas: int) -> Iterator[bytes]:
    """A correct stream with this many text deltas."""
    number = 0
    response = {
        "id": "resp_bench",
        "object": "response",
        "created_at": 1,
        "model": "bench",
        "status": "in_progress",
    }
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
    yield event("completed", response=response | {"status": "completed", "output": [closed]})


async def upstream() -> None:
    """Answers POSTs: {"deltas": N, "rate": events/s or 0} in the body."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                wish = json.loads(await reader.readexactly(size))
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
                )
                await send(writer, **wish)
                writer.write(b"0\r\n\r\n")

    async def send(writer: asyncio.StreamWriter, deltas: int, rate: float) -> None:
        for n, event in enumerate(ready[deltas]):
            data = event
            if rate:
                await asyncio.sleep(1 / rate)
                data = b": %d\n" % time.monotonic_ns() + event
            writer.write(b"%x\r\n%s\r\n" % (len(data), data))
            if rate or n % 16 == 0:
                await writer.drain()

    ready = _Ready()
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class _Ready(dict[int, list[bytes]]):
    def __missing__(self, deltas: int) -> list[bytes]:
        self[deltas] = list(stream_events(deltas))
        return self[deltas]


# --- proxies ----------------------------------------------------------------------------------------------------


async def bare(upstream_port: str) -> None:
    """Only mitmproxy with `stream = True`."""
    from mitmproxy.addons import default_addons
    from mitmproxy.master import Master
    from mitmproxy.options import Options

    class Stream:
        def responseheaders(self, flow) -> None:
            flow.response.stream = True

        def running(self) -> None:
            print(master.addons.get("proxyserver").listen_addrs()[0][1], flush=True)

    master = Master(Options())
    master.addons.add(*default_addons(), Stream())
    master.options.update(mode=[f"reverse:http://127.0.0.1:{upstream_port}"], listen_host="127.0.0.1", listen_port=0)
    await master.run()


def ours(upstream_port: str, db: str) -> None:
    """The recording proxy."""
    from responses_tap.mitm.proxy import Proxy

    with Proxy(Path(db), upstream=f"http://127.0.0.1:{upstream_port}", on_notice=lambda _: None) as proxy:
        print(proxy.port, flush=True)
        sys.stdin.read()


# --- client -----------------------------------------------------------------------------------------------------


async def receive(port: int, deltas: int, rate: float) -> AsyncIterator[bytes]:
    """The chunks of one response."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    body = json.dumps({"deltas": deltas, "rate": rate}).encode()
    writer.write(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
    await reader.readuntil(b"\r\n\r\n")
    while size := int(await reader.readline(), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    writer.close()


async def drain(port: int, deltas: int) -> None:
    """Read one response as fast as it arrives, without parsing it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"deltas": deltas, "rate": 0}).encode()
    writer.write(b"POST /v1/responses HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
    tail = b""
    while not tail.endswith(b"\r\n0\r\n\r\n"):
        tail = (tail + await reader.read(2**16))[-7:]
    writer.close()


async def throughput(port: int, events: int) -> float:
    """Events/s of `STREAMS` streams at once."""
    start = time.perf_counter()
    await asyncio.gather(*(drain(port, events // STREAMS) for _ in range(STREAMS)))
    return events / (time.perf_counter() - start)


async def latency(port: int, seconds: float) -> float:
    """The p99 of the relay latency, ms."""
    found: list[float] = []

    async def one() -> None:
        async for chunk in receive(port, int(seconds * LATENCY_RATE), LATENCY_RATE):
            found.append((time.monotonic_ns() - int(chunk[2 : chunk.index(b"\n")])) / 1e6)

    await asyncio.gather(*(one() for _ in range(LATENCY_STREAMS)))
    return statistics.quantiles(found, n=100)[98]


async def first_event(port: int) -> float:
    """The median time to the first event, ms."""
    found = []
    for _ in range(40):
        start = time.perf_counter()
        async for _ in receive(port, 1, 0):
            found.append((time.perf_counter() - start) * 1e3)
            break
    return statistics.median(found)


def written(db: Path) -> None:
    """Wait until the recorder has caught up, so that its work does not burden the next measurement."""
    from responses_tap.store import open_recording

    with open_recording(db) as recording:
        while any(row.end_ns is None for row in recording.streams(limit=100)):
            time.sleep(0.02)


def line(name: str, unit: str, ours_: list[float], bare_: list[float], again: list[float]) -> None:
    """Print one measure: medians; ours against bare, pair by pair; the noise, which is bare against bare."""
    ratios = [a / b for a, b in zip(ours_, bare_, strict=True)]
    noise = [a / b for a, b in zip(again, bare_, strict=True)]
    added = statistics.median(a - b for a, b in zip(ours_, bare_, strict=True))
    print(
        f"{name:<12} bare {statistics.median(bare_):9.2f} {unit}  ours {statistics.median(ours_):9.2f} {unit}  "
        f"difference {added:+9.2f} {unit}  ours:bare {statistics.median(ratios):.3f} "
        f"({min(ratios):.3f}-{max(ratios):.3f})  bare:bare {statistics.median(noise):.3f} "
        f"({min(noise):.3f}-{max(noise):.3f})",
        flush=True,
    )


def main() -> None:
    """Start the parts, measure in pairs, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5)
    wish = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        db = Path(folder) / "bench.db"

        def start(*role: str) -> int:
            process = subprocess.Popen(
                [sys.executable, __file__, *role], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            stack.callback(process.wait)
            stack.callback(process.stdin.close if role[0] == "ours" else process.terminate)
            return int(process.stdout.readline())

        source = str(start("upstream"))
        ports = {"bare": start("bare", source), "ours": start("ours", source, str(db))}
        ports["again"] = ports["bare"]
        for name, unit, measure in (
            ("events/s", "/s", lambda port: throughput(port, wish.events)),
            ("p99 latency", "ms", lambda port: latency(port, wish.seconds)),
            ("first event", "ms", first_event),
        ):
            found: dict[str, list[float]] = {key: [] for key in ports}
            for n in range(wish.pairs + 1):
                for key in sorted(ports, reverse=n % 2 == 1):
                    value = asyncio.run(measure(ports[key]))
                    written(db)
                    if n:  # the first round warms up
                        found[key].append(value)
            line(name, unit, found["ours"], found["bare"], found["again"])


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["upstream"]:
            asyncio.run(upstream())
        case ["bare", port]:
            asyncio.run(bare(port))
        case ["ours", port, db]:
            ours(port, db)
        case _:
            main()
