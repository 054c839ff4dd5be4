"""How long checking takes, as ratios in one run: to plain json.loads, and to the SDK's own event union.

uv run python tests/benchmarks/check.py [--events 100000] [--rounds 9]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from responses_tap import check

_ITEM = {"id": "msg_1", "type": "message", "status": "in_progress", "content": [], "role": "assistant"}
_SDK_SAMPLE = 2000
_SHORT_DELTAS = 7
"""Of a stream of 15 events."""
_SHORT_STREAMS = 200


def body(deltas: int) -> bytes:
    """A correct stream with this many deltas."""
    response = {
        "id": "resp_1", "object": "response", "created_at": 1790000000, "status": "in_progress", "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "model": "m", "output": [],
        "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto", "tools": [], "top_p": 1.0,
    }  # fmt: skip
    key = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    words = [f" w{n % 97}" for n in range(deltas)]
    part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    done = part | {"text": "".join(words)}
    item = _ITEM | {"status": "completed", "content": [done]}
    details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
    usage = {"usage": {"input_tokens": 1, "output_tokens": deltas, "total_tokens": deltas + 1, **details}}
    events = [
        {"type": "response.created", "response": response},
        {"type": "response.in_progress", "response": response},
        {"type": "response.output_item.added", "output_index": 0, "item": _ITEM},
        {"type": "response.content_part.added", **key, "part": part},
        *({"type": "response.output_text.delta", **key, "delta": word, "logprobs": []} for word in words),
        {"type": "response.output_text.done", **key, "text": done["text"], "logprobs": []},
        {"type": "response.content_part.done", **key, "part": done},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response | {"status": "completed", "output": [item]} | usage},
    ]
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event | {'sequence_number': n})}\n\n".encode()
        for n, event in enumerate(events)
    )


def data_lines(stream: bytes) -> list[bytes]:
    """The JSON of its events."""
    return [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: ")]


def seconds(work: Callable[[], object]) -> float:
    """How long one run takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def spread(ratios: list[float]) -> str:
    """The median, least and most."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"


def main() -> None:
    """Measure alternately, print medians of the ratios."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9)
    wish = parser.parse_args()
    once, twice, short = body(wish.events), body(2 * wish.events), body(_SHORT_DELTAS)
    lines, short_lines = data_lines(once), data_lines(short) * _SHORT_STREAMS
    union: TypeAdapter[ResponseStreamEvent] = TypeAdapter(ResponseStreamEvent)
    report = check(once)
    assert report.ok, report.findings
    ratios, growth, of_short = [], [], []
    for _ in range(wish.rounds):
        plain = seconds(lambda: [json.loads(line) for line in lines])
        ours = seconds(lambda: check(once))
        ratios.append(ours / plain)
        growth.append(seconds(lambda: check(twice)) / ours)
        plain_short = seconds(lambda: [json.loads(line) for line in short_lines])
        of_short.append(seconds(lambda: [check(short) for _ in range(_SHORT_STREAMS)]) / plain_short)
    sdk = seconds(lambda: [union.validate_json(line) for line in lines[4 : 4 + _SDK_SAMPLE]]) / _SDK_SAMPLE * len(lines)
    print(f"check of {wish.events} events: {spread(ratios)} × json.loads")
    print(f"check of streams of {_SHORT_DELTAS + 8} events: {spread(of_short)} × json.loads")
    print(f"twice as many events: {spread(growth)} × the time")
    print(f"the SDK's union adapter alone: {sdk / plain:.1f} × json.loads")


if __name__ == "__main__":
    main()
