"""Where the samples are, and where material outside the project would be."""

import json
import os
import signal
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

RECORDINGS = Path(__file__).parents[1] / "recordings"
SHARED = Path(__file__).parents[2] / "shared"

CLEAN = sorted((RECORDINGS / "clean").glob("*.sse"))
BROKEN = sorted((RECORDINGS / "broken").glob("[A-Z][A-Z][0-9][0-9][0-9]-*.sse"))

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a script's background: the programs that tests interrupt would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

_UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
# The same examples in each run, so that main stays green; the long profile looks for new ones.
settings.register_profile("unhurried", _UNHURRIED, derandomize=True)
settings.register_profile("long", _UNHURRIED, max_examples=20_000)  # uv run pytest tests/fuzz --hypothesis-profile=long
settings.load_profile("unhurried")


def body(*events: dict[str, Any]) -> bytes:
    """An event stream of these events."""
    names = (f"event: {event['type']}\n" if "type" in event else "" for event in events)
    return b"".join(
        f"{name}data: {json.dumps(event, separators=(',', ':'))}\n\n".encode()
        for name, event in zip(names, events, strict=True)
    )


def events_of(sample: Path) -> list[dict[str, Any]]:
    """The events of a sample, in order."""
    lines = sample.read_text().splitlines()
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: {")]


_TESTS = Path(__file__).parent
SLOW = (
    "actions", "checking", "cli", "clients", "engines", "fuzz", "mitm", "probe", "recorder", "store", "tui",
    "compare/test_gateway.py", "formats/test_hostile_files.py", "formats/test_other_programs.py",
    "formats/test_parquet.py", "formats/test_pastes.py", "formats/test_round_trips.py", "privacy/test_canaries.py",
    "privacy/test_redaction.py", "privacy/test_secrets.py", "protocol/test_eventless.py",
    "protocol/test_exchanges.py", "protocol/test_faults.py", "reports/test_hostile_reports.py",
    "reports/test_hostile_scripts.py", "reports/test_html.py", "reports/test_resend.py", "test_arrow.py",
    "test_benchmarks.py", "test_examples.py", "test_packaging.py", "test_pytest_plugin.py", "test_readme.py",
)  # fmt: skip
"""The folders and files whose tests are slow: `pytest -m "not slow"` leaves them out, and ends within a minute."""


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many tests wait for other programs, or for time to pass."""
    return 1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow."""
    slow = tuple(str(_TESTS / name) for name in SLOW)
    for item in items:
        if str(item.path).startswith(slow):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of protocol texts, captures and the corpus, which only a development machine has."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the material in {SHARED.name}/ beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def corpus(shared: Path) -> list[tuple[dict[str, Any], bytes]]:
    """Every stream of the corpus: (its line of the manifest, its body)."""
    with tarfile.open(shared / "corpus" / "streams.tar.xz") as archive:
        bodies = {m.name: f.read() for m in archive if (f := archive.extractfile(m)) is not None}
    manifest = [json.loads(line) for line in bodies.pop("manifest.jsonl").splitlines()]
    return [(entry, bodies[f"streams/{entry['name']}.sse"]) for entry in manifest]
