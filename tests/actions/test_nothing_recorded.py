"""Why a run of `record -- COMMAND` saw no stream, and the line that helps."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from responses_tap_viewer.actions.recording.nothing_recorded import Seen, advise

RECORD, DB = "responses-tap record", "--db 'my recordings/r.db'"
NOTHING: dict[str, int] = {}


def seen(
    command: Sequence[str] = ("python", "client.py"),
    passed: dict[str, int] = NOTHING,
    mode: str = "reverse",
    *,
    refused_tls: bool = False,
) -> Seen:
    return Seen(passed, command, mode, refused_tls, ["--db", "my recordings/r.db"])


@pytest.mark.parametrize(
    ("what", "cause", "help_"),
    [
        (seen(), "ignores OPENAI_BASE_URL", f"{RECORD} --mode regular {DB} -- python client.py"),
        (seen(passed={"POST /v1/chat/completions?key=…": 2}), "client.responses.create(", "responses-tap clients"),
        (
            seen(mode="regular", refused_tls=True),
            "doesn't trust the recorder's CA",
            f"{RECORD} {DB} -- python client.py",
        ),
        (seen(passed={"GET /v1/models": 1}), "other requests only", "responses-tap clients"),
        (seen(mode="regular"), "ignores HTTPS_PROXY", f"{RECORD} {DB} --listen 127.0.0.1:8090"),
    ],
)
def test_the_likely_cause_and_what_to_type(what: Seen, cause: str, help_: str) -> None:
    advice = advise(what)
    assert cause in advice.cause
    assert advice.help == help_  # a command to paste, and nothing else


@pytest.mark.parametrize(
    "line",
    [
        'client = OpenAI(base_url="https://api.openai.com/v1")',
        "new OpenAI({ baseURL: 'http://h/v1' })",
        'await fetch("https://api.openai.com/v1/responses", { method: "POST" })',
        "const url = 'https://api.openai.com/v1'",
        "fetch(`http://gateway:8000/openai/v1/responses?stream=1`)",
    ],
)
def test_a_base_url_in_the_program_is_pointed_at(tmp_path: Path, line: str) -> None:
    program = tmp_path / "client.py"
    program.write_text(f"# a client\n\n{line}\n")
    advice = advise(seen(["python", str(program), "\0", "x" * 5000, str(tmp_path)]))
    assert f"{program}:3 sets the base URL itself" in advice.cause
    assert "--mode regular" in advice.help


@pytest.mark.parametrize(
    "line",
    [
        'client = OpenAI(base_url=os.environ["OPENAI_BASE_URL"])',
        'const url = process.env.OPENAI_BASE_URL ?? "https://api.openai.com/v1"',
        "# see https://api.openai.com/v1/responses",
        'fetch("https://api.openai.community/v1")',
    ],
)
def test_a_base_url_from_the_environment_is_not_hard_coded(tmp_path: Path, line: str) -> None:
    program = tmp_path / "client.py"
    program.write_text(line)
    assert str(program) not in advise(seen(["python", str(program)])).cause


CURL = ("curl", "--noproxy", "*", "https://api.openai.com/v1/responses")


@pytest.mark.parametrize("mode", ["reverse", "regular"])
def test_a_client_past_a_proxy_is_not_sent_from_mode_to_mode(mode: str) -> None:
    advice = advise(seen(CURL, mode=mode))
    assert advice.help == f"{RECORD} {DB} --listen 127.0.0.1:8090"
    assert "by hand" in advice.cause


@pytest.mark.parametrize(
    ("given", "listen"), [("0", "127.0.0.1:8090"), ("127.0.0.1:0", "127.0.0.1:8090"), ("8765", "8765")]
)
def test_a_client_to_be_told_by_hand_is_told_an_address_that_lasts(given: str, listen: str) -> None:
    what = seen(["node", "client.mjs"], mode="regular")._replace(options=["--listen", given, "--db", "r.db"])
    advice = advise(what)
    assert advice.help == f"{RECORD} --listen {listen} --db r.db"
    assert "NODE_USE_ENV_PROXY=1" in advice.cause


@pytest.mark.parametrize(
    ("mode", "refused_tls", "cause"),
    [
        ("reverse", False, "Codex ignores OPENAI_BASE_URL"),
        ("regular", False, "Codex went past HTTPS_PROXY"),
        ("regular", True, "doesn't trust the recorder's CA"),
    ],
)
@pytest.mark.parametrize("runner", [(), ("env",)])
def test_codex_is_told_the_address_of_the_next_run(
    tmp_path: Path, mode: str, refused_tls: bool, cause: str, runner: tuple[str, ...]
) -> None:
    codex = tmp_path / "my tools" / "codex"
    codex.parent.mkdir()
    codex.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    codex.chmod(0o755)
    advice = advise(seen([*runner, str(codex), "exec", "say 'hello'"], mode=mode, refused_tls=refused_tls))
    assert cause in advice.cause
    program, _, command = advice.help.partition(" -- ")
    assert program == f"{RECORD} {DB}"
    url = "http://127.0.0.1:45545/v1"
    done = subprocess.run(
        shlex.split(command), capture_output=True, text=True, check=True, env={**os.environ, "OPENAI_BASE_URL": url}
    )
    assert done.stdout.splitlines() == ["-c", f"openai_base_url={url}", "exec", "say 'hello'"]


@pytest.mark.parametrize(("status", "how"), [(126, "126: not executable"), (127, "127: not found")])
def test_a_command_that_was_not_found_is_all_there_is_to_say(status: int, how: str) -> None:
    advice = advise(seen(["sh", "-c", "no-such-client --now"])._replace(status=status))
    assert advice == (f"the command failed (exit status {how})", "sh -c 'no-such-client --now'")


def test_a_command_that_failed_is_said_before_a_guess() -> None:
    failed, plain = advise(seen()._replace(status=1)), advise(seen())
    first = "the command failed (exit status 1) before a request reached the recorder; if not for that, "
    assert failed == (first + plain.cause, plain.help)
    codex = advise(seen(["codex"])._replace(status=1)).cause
    assert codex.startswith(first + "Codex")


def test_a_command_whose_requests_came_did_not_fail_before_them() -> None:
    what = seen(passed={"POST /v1/chat/completions": 1})
    assert advise(what._replace(status=1)) == advise(what)
    distrusting = seen(mode="regular", refused_tls=True)
    assert advise(distrusting._replace(status=1)) == advise(distrusting)


def test_a_url_in_the_command_itself_is_pointed_at() -> None:
    advice = advise(seen(["curl", "-N", "https://api.openai.com/v1/responses"]))
    assert advice.cause.startswith("the command sets the base URL itself")
    assert advice.help == f"{RECORD} --mode regular {DB} -- curl -N https://api.openai.com/v1/responses"


def test_a_script_past_the_proxy_is_told_where_its_url_is(tmp_path: Path) -> None:
    script = tmp_path / "hard.mjs"
    script.write_text('import "x"\nawait fetch("https://api.openai.com/v1/responses", { method: "POST" })\n')
    advice = advise(seen(["node", str(script)], mode="regular"))
    assert f"({script}:2 sets it)" in advice.cause
    assert advice.help == f"{RECORD} {DB} --listen 127.0.0.1:8090"
