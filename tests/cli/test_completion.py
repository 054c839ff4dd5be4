"""Completion: what each shell gets from the program itself, and what bash makes of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from responses_tap_viewer.actions.recording.samples import record_samples
from responses_tap_viewer.cli import main

PROGRAM = Path(sys.executable).with_name("responses-tap")
SHELLS = ["bash", "zsh", "fish"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    record_samples(folder / "demo.db")
    return folder


@pytest.fixture(autouse=True)
def where(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RESPONSES_TAP_DB", "demo.db")


def offered(shell: str, line: str) -> list[tuple[str, str]]:
    """(kind, value) of what is offered for the last word of a line, as the program tells this shell's script."""
    words = line.split(" ")
    complete = get_completion_class(shell)
    assert complete is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMP_WORDS", line)
        patch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words) - 1))
        told = complete(main, {}, "responses-tap", "_RESPONSES_TAP_COMPLETE").complete().splitlines()
    if shell == "zsh":
        return [(kind, value.replace(r"\:", ":")) for kind, value in zip(told[::3], told[1::3], strict=True)]
    return [(kind, value.partition("\t")[0]) for kind, _, value in (entry.partition(",") for entry in told)]


def values(shell: str, line: str) -> list[str]:
    return [value for _, value in offered(shell, line)]


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_is_offered_commands_streams_codes_and_fields(shell: str) -> None:
    assert "check" in values(shell, "responses-tap ")
    assert values(shell, "responses-tap show ") == ["6", "5", "4", "3", "2", "1"]
    assert values(shell, "responses-tap diff demo.db#1 demo.db#") == [f"demo.db#{n}" for n in range(6, 0, -1)]
    assert values(shell, "responses-tap rules MD30")[0] == "MD301"
    assert values(shell, "responses-tap check --select NS,md301") == ["NS,MD301"]
    assert "MD" in values(shell, "responses-tap check --ignore M")
    assert values(shell, "responses-tap check --profile a") == ["azure", "auto"]
    assert "sarif" in values(shell, "responses-tap check --format s")
    assert values(shell, "responses-tap list --filter st") == ["status>", "state:"]
    assert values(shell, "responses-tap clients codex") == ["codex"]
    assert values(shell, "responses-tap probe --scenario tool-f")[:1] == ["tool-forced"]
    assert values(shell, "responses-tap probe --skip web") == ["websocket", "web-search"]
    openai = ["openai-python", "openai-python create", "openai-python stream()"]
    assert values(shell, "responses-tap impact --client openai-p") == openai


@pytest.mark.parametrize("shell", SHELLS)
def test_paths_are_left_to_the_shell_and_what_is_damaged_offers_nothing(
    folder: Path, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "bad.db").write_bytes(b"SQLite format 3\x00 and no more")
    for line in ("responses-tap check de", "responses-tap import ", "responses-tap show de"):
        assert [kind for kind, _ in offered(shell, line)] == ["file"]
    assert offered(shell, "responses-tap show bad.db#") == []
    monkeypatch.setenv("RESPONSES_TAP_DB", "none.db")
    assert [kind for kind, _ in offered(shell, "responses-tap show ")] == ["file"]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_program_prints_each_shells_script(shell: str) -> None:
    variables = {**os.environ, "_RESPONSES_TAP_COMPLETE": f"{shell}_source"}
    script = subprocess.run([PROGRAM], env=variables, capture_output=True, text=True, check=True).stdout
    assert "_RESPONSES_TAP_COMPLETE" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
def test_bash_completes_with_the_script(folder: Path) -> None:
    bash = f"""
        PATH={PROGRAM.parent}:$PATH RESPONSES_TAP_DB=demo.db
        export RESPONSES_TAP_DB
        eval "$(_RESPONSES_TAP_COMPLETE=bash_source responses-tap)"
        COMP_WORDS=(responses-tap rules MD30) COMP_CWORD=2
        compopt() {{ :; }}
        _responses_tap_completion responses-tap MD30 rules
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", bash], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("MD301 MD302 ")


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
def test_zsh_completes_with_the_script(folder: Path) -> None:
    zsh = f"""
        path=({PROGRAM.parent} $path)
        compdef() {{ :; }}
        _describe() {{ print -l -- "${{(@P)3}}" }}
        eval "$(_RESPONSES_TAP_COMPLETE=zsh_source responses-tap)"
        words=(responses-tap rules MD30) CURRENT=3
        _responses_tap_completion
    """
    done = subprocess.run(["zsh", "-f", "-c", zsh], cwd=folder, capture_output=True, text=True, check=True)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()][:2] == ["MD301", "MD302"]


@pytest.mark.skipif(not shutil.which("fish"), reason="needs fish")
def test_fish_completes_with_the_script(folder: Path) -> None:
    fish = f"""
        set -x PATH {PROGRAM.parent} $PATH
        _RESPONSES_TAP_COMPLETE=fish_source responses-tap | source
        complete -C "responses-tap rules MD30"
    """
    variables = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(["fish", "-c", fish], cwd=folder, env=variables, capture_output=True, text=True, check=True)
    assert {"MD301", "MD302"} <= {line.split("\t")[0] for line in done.stdout.splitlines()}
