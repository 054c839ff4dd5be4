"""The figures of a stream: how much arrived, how fast, in which chunks, and where it stalled."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from statistics import median

from responses_tap.store import Recording
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.model import Chunk
from responses_tap_viewer.tui.spans import Line

_NS = 1e9
_MS = 1e6
_LABEL_WIDTH = 11
_BAR = 24
"""Cells of the longest bar."""
_GAPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000)
"""Where the classes of gaps begin, milliseconds."""
_SIZES = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536)
"""Where the classes of chunks begin, bytes."""
_LONGEST = 3
"""How many of the longest gaps are listed."""
_PERCENTILE = 0.95


def stats_page(recording: Recording, stream: StreamRow) -> list[Line]:
    """The figures, as lines."""
    chunks = recording.chunks(stream.id)
    gaps = [(after.at_ns - before.at_ns, n) for n, (before, after) in enumerate(pairwise(chunks), 1)]
    lines = [labelled(label, text) for label, text in _figures(stream, chunks)]
    if not gaps:
        return [*lines, [], [("Fewer than two chunks: there are no gaps to measure.", "dim")]]
    return [
        *lines,
        *_gap_lines(gaps, chunks),
        [],
        [("Gaps between chunks", "label")],
        *_histogram([gap / _MS for gap, _ in gaps], _GAPS, _milliseconds),
        [],
        [("Bytes per chunk", "label")],
        *_histogram([chunk.size for chunk in chunks], _SIZES, _bytes),
    ]


def _figures(stream: StreamRow, chunks: Sequence[Chunk]) -> Iterator[tuple[str, str]]:
    body, wire = sum(chunk.size for chunk in chunks), sum(chunk.wire_size for chunk in chunks)
    if chunks:
        yield (
            "Events",
            f"{stream.event_count:,} in {len(chunks):,} chunks, {stream.event_count / len(chunks):,.1f} per chunk",
        )
        yield "Bytes", f"{body:,}" + (f", {wire:,} on the wire ({stream.content_encoding})" if wire != body else "")
    times = {"first byte": stream.first_byte_ns, "last byte": stream.last_byte_ns, "closed": stream.end_ns}
    told = [f"{name} {ns / _NS:.3f} s" for name, ns in times.items() if ns is not None]
    yield "Times", ", ".join(told) or "none"
    took = ((stream.last_byte_ns or 0) - (stream.first_byte_ns or 0)) / _NS
    if took > 0 and len(chunks) > 1:
        yield "Rate", f"{_rate(stream.event_count / took)} events/s, {_rate(body / took)} bytes/s"
    if stream.output_tokens is not None:
        rate = f", {_rate(stream.output_tokens / took)} tokens/s after TTFB" if took > 0 else ""
        came_in = "" if stream.input_tokens is None else f"{stream.input_tokens:,} in, "
        yield "Tokens", f"{came_in}{stream.output_tokens:,} out{rate}"


def _rate(per_second: float) -> str:
    """A number in three digits or more: 25.3, 1,234."""
    return f"{per_second:,.1f}" if per_second < 100 else f"{per_second:,.0f}"  # noqa: PLR2004 - three digits


def labelled(label: str, text: str) -> Line:
    """A label and what stands behind it."""
    return [(label.ljust(_LABEL_WIDTH), "label"), (text, "plain")]


def _gap_lines(gaps: Sequence[tuple[int, int]], chunks: Sequence[Chunk]) -> Iterator[Line]:
    ordered = sorted(gap for gap, _ in gaps)
    high = ordered[min(len(ordered) - 1, int(len(ordered) * _PERCENTILE))]
    words = f"p50 {_milliseconds(median(ordered) / _MS)}, p95 {_milliseconds(high / _MS)}"
    yield labelled("Gaps", words)
    longest = sorted(gaps, key=lambda gap: -gap[0])[:_LONGEST]
    told = [f"{_milliseconds(gap / _MS)} until chunk {n} at {chunks[n].at_ns / _NS:.3f} s" for gap, n in longest]
    for label, text in zip(("Longest", "", ""), told, strict=False):
        yield labelled(label, text)


def _histogram(values: Sequence[float], bounds: Sequence[int], written: Callable[[float], str]) -> Iterator[Line]:
    """A bar for each class from the first that has a value to the last."""
    counts = Counter(bisect_right(bounds, value) for value in values)
    most = max(counts.values())
    for place in range(min(counts), max(counts) + 1):
        count = counts[place]
        low, high = bounds[place - 1 : place] if place else (), bounds[place : place + 1]
        name = "–".join(written(bound) for bound in (*low, *high))
        name = name if low and high else f"{'≥' if low else '<'} {name}"
        bar = "█" * (count * _BAR // most) or ("▏" if count else "")
        yield [(f"{name:>15} ", "dim"), (bar.ljust(_BAR), "key"), (f" {count}", "plain")]


def _milliseconds(ms: float) -> str:
    if ms >= 1000:  # noqa: PLR2004 - a second
        return f"{ms / 1000:g} s" if ms % 1000 == 0 else f"{ms / 1000:.2f} s"
    return f"{ms:g} ms" if ms == int(ms) else f"{ms:.1f} ms"


def _bytes(size: float) -> str:
    return f"{size / 1024:g} KiB" if size >= 1024 else f"{size:g} B"  # noqa: PLR2004 - binary units
