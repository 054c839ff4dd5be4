"""The first thing a user sees."""

import subprocess
import sys
from pathlib import Path


def test_without_a_terminal_the_demo_prints_what_it_recorded(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "responses_tap_viewer", "demo"],
        capture_output=True, text=True, check=False, cwd=tmp_path, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in (
        "A correct stream, as OpenAI sends it",
        "LlamaStack before PR 5308",
        "✖ MD301 text-done-missing",
        "response.output_text.done  [0.0] (missing)",
        "✖ LC103 terminal-missing",
    ):
        assert words in done.stdout
    assert not list(tmp_path.iterdir())  # nothing is left behind
