"""How often a rule's page is right about clients, on 200 faulty streams that it was not made from.

Run by hand, as it installs the clients: `uv run python -m tests.clients.claims [CLIENT]…`. Random faults are planted in
random samples; where a corpus lies beside the checkout, in random streams of it, too. What the page of each stream's
first finding says of a client is compared with what the client does: unharmed, raises, loses, doubles, garbles, hangs.
"""

import json
import random
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator

from tests.conftest import SHARED

from responses_tap.protocol.check import check
from responses_tap.protocol.faults import FAULTS, CannotPlant, plant
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.rules import by_weight
from responses_tap.protocol.rules.measured import effects
from responses_tap_viewer.actions.fault_runs import FaultCase, clean_samples, effects_on, measure
from responses_tap_viewer.clients.drivers import wanted_drivers

STREAMS = 200
_CORPUS_STREAMS = 40
_LONGEST = 150_000
_TIMEOUT = 20.0
_SEED = 77


def corpus_streams(rnd: random.Random) -> Iterator[tuple[str, bytes]]:
    """Real streams without a finding, of a size that clients read quickly."""
    archive = SHARED / "corpus" / "streams.tar.xz"
    if not archive.is_file():
        return
    with tarfile.open(archive) as opened:
        bodies = {m.name: f.read() for m in opened if (f := opened.extractfile(m)) is not None}
    manifest = [json.loads(line) for line in bodies.pop("manifest.jsonl").splitlines()]
    for entry in rnd.sample(manifest, len(manifest)):
        body = bodies[f"streams/{entry['name']}.sse"]
        is_real = entry["origin"] == "openai" and entry["real"] is True and not entry["edited"]
        if is_real and len(body) < _LONGEST and not check(body).findings:
            yield f"corpus: {entry['name']}", body


def faulty(samples: dict[str, bytes], rnd: random.Random) -> Iterator[tuple[FaultCase, Finding]]:
    """Random faults in random streams, each with its first finding, without end."""
    while True:
        name, code = rnd.choice(list(samples)), rnd.choice(list(FAULTS))
        try:
            body = plant(samples[name], code, rnd.randrange(10**6))
        except CannotPlant:
            continue
        if findings := by_weight(check(body).findings):
            yield FaultCase(code, name, body, ""), findings[0]


def main() -> None:
    rnd = random.Random(_SEED)
    samples = clean_samples() | dict(pair for pair, _ in zip(corpus_streams(rnd), range(_CORPUS_STREAMS), strict=False))
    drawn = [each for each, _ in zip(faulty(samples, rnd), range(STREAMS), strict=False)]
    matrix = measure([case for case, _ in drawn], samples, wanted_drivers(sys.argv[1:]), _TIMEOUT)
    correct = dict(zip(samples, matrix.streams, strict=False))
    right: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for (case, finding), broken in zip(drawn, matrix.streams[len(samples) :], strict=True):
        said = effects(finding.code, finding)
        for client, words in effects_on(correct[case.correct], broken).items():
            is_right = client in said and said[client].kind == words.partition(" ")[0]
            of[client] += 1
            right[client] += is_right
            if not is_right:
                print(f"{broken.name}: {client} {words or 'is unharmed'}; the page says {said.get(client)}")
    for client, number in of.items():
        print(f"{client:<24} {right[client]} of {number}, {right[client] / number:.1%}")
    print(f"all {right.total()} of {of.total()}, {right.total() / max(1, of.total()):.1%}; {matrix.unavailable}")


if __name__ == "__main__":
    main()
