"""Measures what each rule's defect does to each client: the data that the rules' pages speak from."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from responses_tap.protocol.check import check, frames_of
from responses_tap.protocol.faults import FAULTS, Block, plantings
from responses_tap.protocol.faults.ways import Fault
from responses_tap.protocol.rules import by_weight
from responses_tap.protocol.rules.measured import VERSION, signature
from responses_tap_viewer.actions.client_runs import PlayedStream, played_body, run_clients
from responses_tap_viewer.clients.drivers import WantedDriver
from responses_tap_viewer.clients.effects import effect
from responses_tap_viewer.clients.impact_matrix import ImpactMatrix, StreamImpact
from responses_tap_viewer.streams import SAMPLES

_STREAMS_EACH = 7
"""With how many streams each way of a fault is measured."""


class FaultCase(NamedTuple):
    """A stream with a fault."""

    code: str
    correct: str
    """The name of the correct stream."""
    body: bytes
    signature: str
    """Of the finding."""


def fault_cases(samples: Mapping[str, bytes]) -> list[FaultCase]:
    """Each way of each fault, in some of the correct streams, each at another place."""
    rnd = random.Random(1)  # noqa: S311 - the same cases in each measurement
    blocks = {name: [Block.of(frame) for frame in frames_of(body)] for name, body in samples.items()}
    ways = [Fault(code, (way,)) for code, fault in FAULTS.items() for way in fault.ways]
    return [case for way in ways for case in _cases(way, blocks, rnd)]


def _cases(way: Fault, samples: Mapping[str, Sequence[Block]], rnd: random.Random) -> Iterator[FaultCase]:
    found = 0
    for name in rnd.sample(list(samples), len(samples)):
        for planted in plantings(samples[name], way, rnd=rnd):
            body = b"".join(block.raw for block in planted)
            first = next((f for f in by_weight(check(body).findings) if f.code == way.code), None)
            if first is not None:
                yield FaultCase(way.code, name, body, signature(first))
                found += 1
            break
        if found == _STREAMS_EACH:
            return


def clean_samples() -> dict[str, bytes]:
    """The shipped correct streams by name."""
    return {path.stem: path.read_bytes() for path in sorted((SAMPLES / "clean").glob("*.sse"))}


def measure(
    cases: Sequence[FaultCase],
    samples: Mapping[str, bytes],
    wanted: Sequence[WantedDriver],
    timeout: float,
    *,
    newest: bool = False,
) -> ImpactMatrix:
    """Run the clients on the correct streams and then on each case; `timeout` and `newest` as for `run_clients`."""
    streams = [_stream(name, body) for name, body in samples.items()]
    streams += [_stream(f"{case.code} in {case.correct}", case.body) for case in cases]
    return run_clients(streams, wanted, timeout=timeout, newest=newest)


def measured_data(cases: Sequence[FaultCase], samples: Iterable[str], matrix: ImpactMatrix) -> dict[str, Any]:
    """What measured.json is to have after these runs."""
    correct = dict(zip(samples, matrix.streams, strict=False))
    faults: dict[str, dict[str, dict[str, Counter[str]]]] = {}
    for case, broken in zip(cases, matrix.streams[len(correct) :], strict=True):
        alike = faults.setdefault(case.code, {}).setdefault(case.signature, {})
        for client, found in effects_on(correct[case.correct], broken).items():
            alike.setdefault(client, Counter())[found] += 1
    date = datetime.now(UTC).date().isoformat()
    clients = {
        name: {"version": verdict.answer.version, "date": date}
        for stream in matrix.streams
        for name, verdict in stream.verdicts.items()
    }
    return {"version": VERSION, "clients": clients, "faults": faults}


def effects_on(correct: StreamImpact, broken: StreamImpact) -> dict[str, str]:
    """What the fault does to each client that was run on both streams and handles the correct one."""
    found = {
        client: effect(correct.verdicts[client], verdict, is_failure=correct.says.failure is not None)
        for client, verdict in broken.verdicts.items()
        if client in correct.verdicts
    }
    return {client: words for client, words in found.items() if words is not None}


def _stream(name: str, body: bytes) -> PlayedStream:
    return played_body(name, frames_of(body))
