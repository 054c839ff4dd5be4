"""The bench's index: every sample and every fault with its base URL, as JSON and as a page."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from responses_tap.escaping import html
from responses_tap_viewer.actions.playback import Playback

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .25rem .75rem .25rem 0;
border-bottom: 1px solid #ddd; vertical-align: top } code { font-size: 13px; white-space: nowrap }
@media (prefers-color-scheme: dark) { body { background: #181818; color: #ddd } td, th { border-color: #444 } }
"""
_SAFE = ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")


class IndexedSample(NamedTuple):
    """A sample stream."""

    name: str
    events: int
    state: str


class IndexedFault(NamedTuple):
    """A fault, and the sample that it is planted in."""

    name: str
    rule: str | None
    """The name of the rule that is about it."""
    title: str
    sample: str


def index_json(base: str, samples: Sequence[IndexedSample], faults: Sequence[IndexedFault]) -> Playback:
    """`{"version": 1, "base_url", "samples": [{"name", "url", …}], "faults": [{"name", "url", …}]}`."""
    listed = {
        "version": 1,
        "base_url": base,
        "samples": [{"url": url_of(base, sample.name)} | sample._asdict() for sample in samples],
        "faults": [{"url": url_of(base, fault.name)} | fault._asdict() for fault in faults],
    }
    body = json.dumps(listed, indent=1).encode() + b"\n"
    return Playback(200, (("Content-Type", "application/json"),), ((0, body),))


def index_page(base: str, samples: Sequence[IndexedSample], faults: Sequence[IndexedFault]) -> Playback:
    """The same for a browser."""
    sample_rows = [(s.name, f"{s.events} events, {s.state}", "", url_of(base, s.name)) for s in samples]
    fault_rows = [(f.name, f.title, f.sample, url_of(base, f.name)) for f in faults]
    page = (
        "<!doctype html>\n<html lang=en><meta charset=utf-8><title>responses-tap bench</title>\n"
        f"<style>{_STYLE}</style>\n"
        "<h1>responses-tap bench</h1>\n"
        "<p>Each base URL answers requests of the Responses API. Names can be combined: "
        f"<code>{html(base)}/text/MD301+slow=50ms/v1</code>, <code>{html(base)}/AG601@7/v1</code>. "
        "The same list as JSON: <a href=index.json>index.json</a>.</p>\n"
        f"<h2>{len(samples)} samples</h2>\n{_table(('Sample', 'Stream', '', 'Base URL'), sample_rows)}\n"
        f"<h2>{len(faults)} faults</h2>\n{_table(('Fault', 'What it does', 'Sample', 'Base URL'), fault_rows)}\n"
        "</html>\n"
    )
    return Playback(200, (("Content-Type", "text/html; charset=utf-8"), _SAFE), ((0, page.encode()),))


def url_of(base: str, path: str) -> str:
    """The base URL under a name."""
    return f"{base}/{path}/v1"


def _table(head: Sequence[str], rows: Sequence[tuple[str, str, str, str]]) -> str:
    titles = "".join(f"<th>{html(title)}" for title in head)
    lines = (
        f"<tr><td>{html(name)}<td>{html(about)}<td>{html(sample)}<td><code>{html(url)}</code>"
        for name, about, sample, url in rows
    )
    return f"<table><tr>{titles}\n" + "\n".join(lines) + "</table>"
