"""The time axis of a stream as an SVG figure: how many events arrived when, and where the findings are."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from responses_tap.escaping import html
from responses_tap.protocol.findings import Finding
from responses_tap.stream.model import Entry
from responses_tap.stream.timeline import GLYPHS
from responses_tap_viewer.reports.text import counted

_BINS = 100
_HEIGHT = 44
_BASE = 60
_STEPS = (1, 2, 5)
_MOST_TICKS = 8


def axis(entries: Sequence[Entry], findings: Sequence[Finding], span_ns: int) -> Iterator[str]:
    """The lines of the figure, `span_ns` long, starting at the request; its caption describes what it shows.

    No lines if there is no event.
    """
    times = [entry.at_ns for entry in entries if entry.at_ns is not None and entry.position is not None]
    if not times:
        return
    caption = html(_caption(times))
    yield f'<figure><figcaption>{caption}</figcaption><svg role="img" aria-label="{caption}">'
    bins = [0] * _BINS
    for time in times:
        bins[max(0, min(_BINS - 1, time * _BINS // span_ns))] += 1
    for n, count in enumerate(bins):
        if count:
            height = max(2, _HEIGHT * count / max(bins))
            yield (
                f'<rect class="bar" x="{n / _BINS:.2%}" width="{0.9 / _BINS:.2%}" y="{_BASE - height:.1f}"'
                f' height="{height:.1f}"/>'
            )
    yield f'<line class="axis" x1="0" x2="100%" y1="{_BASE}" y2="{_BASE}"/>'
    step = _step(span_ns / 1e9)
    for n in range(int(span_ns / 1e9 / step) + 1):
        x = n * step / (span_ns / 1e9)
        anchor = "start" if n == 0 else "end" if x > 1 - 1 / _MOST_TICKS / 2 else "middle"
        yield f'<line class="tick" x1="{x:.2%}" x2="{x:.2%}" y1="{_BASE}" y2="{_BASE + 5}"/>'
        yield f'<text x="{x:.2%}" y="{_BASE + 17}" text-anchor="{anchor}">{n * step:g} s</text>'
    places = {(entry.response, entry.position): entry.at_ns for entry in entries}
    for finding in findings:
        at = places.get((finding.response, finding.position)) if finding.position is not None else None
        if at is not None:
            place = f'x="{at / span_ns:.2%}" y="11" text-anchor="middle"'
            yield f'<text class="{html(finding.severity)}" {place}>{GLYPHS[finding.severity]}</text>'
    yield "</svg></figure>"


def _caption(times: Sequence[int]) -> str:
    took, waited = (times[-1] - times[0]) / 1e9, times[0] / 1e9
    words = f"{counted(len(times), 'event')} in {took:.3f} s, the first after {waited:.3f} s"
    silence, after = max(((b - a, n) for n, (a, b) in enumerate(pairwise(times))), default=(0, 0))
    return f"{words}; the longest silence {silence / 1e9:.3f} s, after event {after}" if silence else words


def _step(seconds: float) -> float:
    """Seconds between ticks: 1, 2 or 5 times a power of ten."""
    step = 1e-9
    while True:
        for factor in _STEPS:
            if seconds / (step * factor) <= _MOST_TICKS:
                return step * factor
        step *= 10
