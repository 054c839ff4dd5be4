"""What recording costs the traffic: ours against bare mitmproxy, in alternating pairs, and beside other relays.

    python tests/benchmarks/record.py [--pairs 9] [--others 3] [--seconds 5] [--full-load 5] [--processes 2]

Prints a table in Markdown. Everything runs on this machine, each part in a process of its own: upstream, relay, and
this client, which share its processors. Each measurement starts a fresh relay. Beside each median stands its ratio to
that of bare mitmproxy, pair by pair, with the least and the greatest; `recorded` is the part of the relayed events that
the recording has in the end, each checked, in streams that are complete and without a finding.
"""

import argparse
import asyncio
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import contestants
import traffic
from contestants import Contestant, is_installed, running

BARE, OURS = "bare mitmproxy", "responses-tap"
FIRST_EVENTS = 40
_COLUMNS = (
    ("full load, events/s", "{:,.0f}"),
    ("CPU, µs/event", "{:.1f}"),
    ("worker, µs/event", "{:.1f}"),
    ("paced: CPU, µs/event", "{:.1f}"),
    ("p50, ms", "{:.2f}"),
    ("p99, ms", "{:.2f}"),
    ("first event, ms", "{:.2f}"),
    ("recorded", "{:.0%}"),
)


@dataclass
class Results:
    """The figures of a relay, one of each round, by column."""

    name: str
    figures: dict[str, list[float]] = field(default_factory=dict)

    def add(self, column: str, value: float) -> None:
        self.figures.setdefault(column, []).append(value)

    def row(self, bare: "Results") -> str:
        """A row of the table."""
        cells = [self._cell(column, format_, bare) for column, format_ in _COLUMNS]
        return f"| {self.name} | {' | '.join(cells)} |"

    def _cell(self, column: str, format_: str, bare: "Results") -> str:
        values, others = self.figures.get(column, []), bare.figures.get(column, [])
        if not values:
            return "–"
        if column == "recorded":
            return format_.format(min(values))
        cell = format_.format(statistics.median(values))
        if not others or self is bare:
            return cell
        ratios = [mine / theirs for mine, theirs in zip(values, others, strict=False) if theirs]
        return f"{cell} ({statistics.median(ratios):.2f}, {min(ratios):.2f}–{max(ratios):.2f})"


def measure(relay: Contestant, results: Results, wish: argparse.Namespace) -> int:
    """One round; the events that were relayed."""
    asyncio.run(traffic.pour(relay.port, 0))  # warms up, as everything else does before it counts
    relayed = traffic.STREAMS * (traffic.BURST_EVENTS + 8)
    events, ms = asyncio.run(traffic.first_event(relay.port, FIRST_EVENTS))
    relayed += events
    results.add("first event, ms", ms)
    with cpu_of(relay) as cpu:
        events, latencies = asyncio.run(traffic.pace(relay.port, wish.seconds))
    relayed += events
    if relay.cpu().relay:
        results.add("paced: CPU, µs/event", cpu[0] / events / 1e3)
    results.add("p50, ms", statistics.median(latencies))
    results.add("p99, ms", statistics.quantiles(latencies, n=100)[98])
    settle(relay)
    with cpu_of(relay) as cpu:
        events, took = asyncio.run(traffic.pour(relay.port, wish.full_load or wish.seconds))
    relayed += events
    results.add("full load, events/s", events / took)
    if relay.cpu().relay:
        results.add("CPU, µs/event", cpu[0] / events / 1e3)
        settle(relay)
        if worker := cpu[1]() - cpu[2]:
            results.add("worker, µs/event", worker / events / 1e3)
    return relayed


@contextmanager
def cpu_of(relay: Contestant) -> Iterator[list]:
    """The relay's processor time within, ns; a way to ask for the worker's; and the worker's before."""
    before = relay.cpu()
    found: list = []
    yield found
    found += [relay.cpu().relay - before.relay, lambda: relay.cpu().worker, before.worker]


def settle(relay: Contestant) -> None:
    """Wait until the worker has caught up, so that its work doesn't burden what is measured next."""
    before = relay.cpu().worker
    while True:
        time.sleep(0.3)
        if (now := relay.cpu().worker) - before < 3e6:  # 1 % of the time
            return
        before = now


def recorded(folder: Path) -> int:
    """The events in complete streams without findings."""
    from responses_tap.store import open_recording

    found = 0
    for db in folder.glob("bench*.db"):
        with open_recording(db) as recording:
            rows = recording.streams()
        found += sum(row.event_count for row in rows if row.state == "completed" and not row.errors + row.warnings)
    return found


def one_round(relay: Callable[[Path], "contextmanager"], results: Results, wish: argparse.Namespace) -> None:
    """Start a relay, measure it, and count what it has recorded."""
    folder = Path(tempfile.mkdtemp(prefix="bench-")) / "run"
    try:
        with relay(folder) as contestant:
            relayed = measure(contestant, results, wish)
        if results.name.startswith(OURS):
            results.add("recorded", recorded(folder) / relayed)
    finally:
        shutil.rmtree(folder.parent, ignore_errors=True)


def machine() -> str:
    """The date, the machine and the versions, in a line."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.machine()
    packages = ", ".join(f"{name} {version(name)}" for name in ("mitmproxy", "responses-tap"))
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} × {cpu}, {platform.system()}, {python}, {packages}"


def main() -> None:
    """Measure in rounds, print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=9, help="rounds of bare mitmproxy and ours")
    parser.add_argument("--others", type=int, default=3, help="rounds of everything else")
    parser.add_argument("--seconds", type=float, default=5, help="of full load, and of paced load, in each round")
    parser.add_argument("--full-load", type=float, help="seconds of full load, where it is to last longer")
    parser.add_argument("--processes", type=int, default=2, help="of `record --processes`; 1 leaves it out")
    wish = parser.parse_args()
    source = subprocess.Popen([sys.executable, traffic.__file__], stdout=subprocess.PIPE, text=True)
    try:
        assert source.stdout is not None
        port = int(source.stdout.readline())
        several = f"{OURS}, {wish.processes} processes"
        rounds = {"direct": wish.others, BARE: wish.pairs, OURS: wish.pairs, f"{OURS} without splice": wish.others}
        if wish.processes > 1:
            rounds[several] = wish.others
        peers = {name: is_installed(name) for name in ("aiohttp relay", contestants.CLAUDE_TAP)}
        rounds |= {name: wish.others for name, is_there in peers.items() if is_there}
        results = {name: Results(name) for name in rounds}
        for n in range(wish.pairs):
            names = [name for name, count in rounds.items() if n < count]
            for name in names if n % 2 else reversed(names):
                processes = wish.processes if name == several else 1
                one_round(
                    lambda folder, name=name, processes=processes: running(name, port, folder, processes),
                    results[name],
                    wish,
                )
    finally:
        source.terminate()
        source.wait()
        source.stdout.close()
    print(f"| | {' | '.join(column for column, _ in _COLUMNS)} |\n|---|{'---:|' * len(_COLUMNS)}")
    for result in results.values():
        if result.figures:
            print(result.row(results[BARE]))
    noise = results[BARE].figures["full load, events/s"]
    if missing := [name for name, is_there in peers.items() if not is_there]:
        print(f"\nNot installed, and so not measured: {', '.join(missing)}")
    print(f"\n{machine()}; bare mitmproxy's own spread at full load: {min(noise):,.0f}–{max(noise):,.0f}")


if __name__ == "__main__":
    main()
