"""The benchmarks run to their end; their figures are for people, and asserted nowhere."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent / "benchmarks"
SMALL = {
    "check.py": ["--events", "3000", "--rounds", "1"],
    "fleet.py": ["--streams", "60"],
    "record.py": ["--pairs=1", "--others=0", "--seconds=0.1", "--processes=1"],
    "view.py": ["--streams", "40", "--events", "1000", "--long", "100"],
}
SAID = {
    "check.py": "json.loads",
    "fleet.py": "streams/s",
    "record.py": "| 100% |",
    "view.py": "slowest key",
}


@pytest.mark.parametrize("name", SMALL)
def test_it_runs(name: str) -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, *SMALL[name]], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert SAID[name] in done.stdout


def test_all_are_run() -> None:
    assert {path.name for path in BENCHMARKS.glob("*.py")} == {*SMALL, "contestants.py", "traffic.py"}
