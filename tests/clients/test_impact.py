"""`impact`: what clients make of a stream, and what becomes of the others when one of them misbehaves."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.clients.conftest import Installed
from tests.conftest import RECORDINGS

from responses_tap_viewer.cli import main

TEXT = str(RECORDINGS / "clean/text.sse")
TOOL = str(RECORDINGS / "clean/tool-call.sse")
BROKEN = str(RECORDINGS / "broken/ID501-response-id-changed.sse")
FAKE = ["--client", "pydantic-ai"]
RIGHT = 'ok("Hello, world.", usage={"input_tokens": 11, "output_tokens": 4})'


def impact(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["impact", *arguments])


def report(*arguments: str) -> dict[str, Any]:
    result = impact(*arguments, "--format", "json")
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def outcomes(*arguments: str) -> dict[str, str]:
    """The verdict on each client of the first stream."""
    return {each["client"]: each["verdict"] for each in report(*arguments)["streams"][0]["clients"]}


def test_the_real_client_delivers_a_correct_stream(installed: Installed) -> None:
    installed.real_openai()
    result = impact(TEXT, "--client", "openai-python")
    assert result.exit_code == 0, result.output
    assert re.search(r"✓ openai-python create +3\.57\.0 +delivered", result.stdout)
    assert re.search(r"✓ openai-python stream\(\) +3\.57\.0 +delivered", result.stdout)


def test_what_the_real_client_raises_is_told_with_what_the_stream_says(installed: Installed) -> None:
    installed.real_openai()
    result = impact(BROKEN, "--client", "openai-python", "--format", "json")
    assert result.exit_code == 1
    (stream,) = json.loads(result.stdout)["streams"]
    assert stream["says"]["text"] == "Hello, world."
    create, helper = stream["clients"]
    assert (create["outcome"], create["text"], create["version"]) == ("ok", "Hello, world.", "3.57.0")
    assert (helper["outcome"], helper["verdict"]) == ("raised", "raised")
    assert "Lifecycle response identity changed" in helper["error"]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (RIGHT, "delivered"),
        (RIGHT.replace("Hello, world.", "Hello"), "lost"),
        (RIGHT.replace("Hello, world.", "Hello, world.Hello, world."), "doubled"),
        (RIGHT.replace("Hello, world.", "Hello, world.Hello"), "doubled"),
        (RIGHT.replace("Hello, world.", "Hello, world.."), "doubled"),
        (RIGHT.replace("Hello, world.", "Hello, world.,"), "wrong"),
        (RIGHT.replace("Hello, world.", "Bye"), "wrong"),
        ('raised("RuntimeError: no")', "raised"),
    ],
)
def test_what_is_delivered_is_held_against_what_the_stream_says(
    installed: Installed, answer: str, verdict: str
) -> None:
    says = report_of_text(installed)
    answer = answer.replace("11", str(says["input_tokens"])).replace("4}", f"{says['output_tokens']}}}")
    installed.fake("pydantic-ai", answer)
    assert outcomes(TEXT, *FAKE) == {"pydantic-ai": verdict}


def report_of_text(installed: Installed) -> dict[str, int]:
    installed.fake("litellm", "ok()")
    usage: dict[str, int] = report(TEXT, "--client", "litellm")["streams"][0]["says"]["usage"]
    return usage


def test_a_driver_is_told_the_tools_that_the_stream_calls(installed: Installed) -> None:
    installed.fake("pydantic-ai", 'raised(" ".join(request["tools"]))')
    (stream,) = report(TOOL, *FAKE)["streams"]
    assert stream["clients"][0]["error"] == stream["says"]["tool_calls"][0]["name"]


def test_a_client_that_hangs_is_killed_and_run_again_for_the_next_stream(installed: Installed, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    installed.fake("pydantic-ai", f'open({str(pids)!r}, "a").write(f"{{os.getpid()}}\\n"); time.sleep(600)')
    found = report(TEXT, TOOL, *FAKE, "--timeout", "0.5")
    assert [each["verdict"] for stream in found["streams"] for each in stream["clients"]] == ["hung", "hung"]
    first, second = map(int, pids.read_text().split())
    assert first != second
    assert not alive(first)
    assert not alive(second)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ('print("Traceback, or a banner", flush=True)', "Traceback, or a banner"),
        ('print("[1, 2]", flush=True)', "no result"),
        ('sys.stdout.buffer.write(b"\\xff\\xfe\\n"); sys.stdout.flush()', "no JSON"),
        ('sys.exit("libfoo.so: no such file")', "libfoo.so: no such file"),
        ('say({"client": "fake", "version": "9.9", "outcome": "fine"})', "no result"),
        ('print("[" * 100_000, flush=True)', "no JSON"),
    ],
)
def test_a_client_that_misbehaves_is_one_line_and_the_others_go_on(
    installed: Installed, answer: str, reason: str
) -> None:
    installed.fake("litellm", answer)
    installed.fake("pydantic-ai", "ok()")
    result = impact(TEXT, "--client", "litellm", *FAKE)
    assert result.exit_code == 2
    (line,) = [line for line in result.stdout.splitlines() if "litellm" in line]
    assert reason in line
    assert "pydantic-ai 9.9" in result.stdout
    assert "Traceback (most recent" not in result.output


def test_a_client_that_ends_at_some_streams_is_run_on_all_others(installed: Installed) -> None:
    installed.fake("pydantic-ai", 'ok() if not request["tools"] else sys.exit("a call")')
    found = report(*[TEXT, TOOL] * 3, TEXT, *FAKE)
    assert found["not_run"] == []
    assert [len(stream["clients"]) for stream in found["streams"]] == [1, 0] * 3 + [1]
    assert all("a call" in stream["not_run"][0]["reason"] for stream in found["streams"][1::2])


def test_a_client_that_cannot_be_installed_is_one_line_and_the_others_go_on(installed: Installed) -> None:
    installed.fake("pydantic-ai", "ok()")
    result = impact(TEXT, "--client", "litellm==999.0.0", *FAKE)
    assert result.exit_code == 2
    (line,) = [line for line in result.stdout.splitlines() if "litellm" in line]
    assert "cannot be installed" in line
    assert "installing litellm==999.0.0" in result.stderr
    assert "pydantic-ai 9.9" in result.stdout


def test_offline_the_newest_release_that_is_there_is_run(installed: Installed) -> None:
    installed.fake("pydantic-ai", 'raised("old")', "2.9.0")
    installed.fake("pydantic-ai", 'raised("new")', "2.10.0")
    assert report(TEXT, *FAKE)["streams"][0]["clients"][0]["error"] == "new"
    assert report(TEXT, "--client", "pydantic-ai==2.9.0")["streams"][0]["clients"][0]["error"] == "old"


def test_an_installation_that_lost_its_files_is_one_line(installed: Installed, tmp_path: Path) -> None:
    installed.fake("pydantic-ai", "ok()")
    for client in ("litellm", "openai-node"):
        (tmp_path / "cache/responses-tap/clients" / client / "9.9").mkdir(parents=True)
    found = report(TEXT, "--client", "litellm", "--client", "openai-node create", *FAKE)
    assert [each["client"] for each in found["not_run"]] == ["litellm", "openai-node create"]
    assert [each["client"] for each in found["streams"][0]["clients"]] == ["pydantic-ai"]


def test_without_node_its_clients_are_named_as_not_run(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    installed.node("openai-node", "openai", ">=18")
    installed.fake("pydantic-ai", "ok()")
    monkeypatch.setenv("PATH", "/nonexistent")
    found = report(TEXT, "--client", "openai-node", "--client", "codex", *FAKE)
    reasons = {each["client"]: each["reason"] for each in found["not_run"]}
    assert reasons.keys() == {"openai-node create", "openai-node stream()", "codex"}
    assert all("Node" in reason for reason in reasons.values())
    assert found["streams"][0]["clients"]


def test_a_client_that_needs_a_newer_node_is_named_as_not_run(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed.node("openai-node", "openai", ">=99.0.0")
    node = tmp_path / "bin" / "node"
    node.parent.mkdir()
    node.write_text("#!/bin/sh\necho v20.20.2\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(node.parent))
    (not_run,) = report(TEXT, "--client", "openai-node create")["not_run"]
    assert ">=99" in not_run["reason"]
    assert "v20.20.2" in not_run["reason"]


def test_neither_keys_nor_settings_of_the_user_reach_a_driver(
    installed: Installed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "NODE_OPTIONS", "PYTHONPATH", "SOME_TOKEN"):
        monkeypatch.setenv(name, f"the user's {name}")
    monkeypatch.setenv("HOME", str(tmp_path / "home of the user"))
    installed.fake("pydantic-ai", "raised(json.dumps(dict(os.environ)))")
    seen = json.loads(report(TEXT, *FAKE)["streams"][0]["clients"][0]["error"])
    assert not [name for name, value in seen.items() if "the user" in value]
    assert not Path(seen["HOME"]).exists()
    assert seen["LITELLM_LOCAL_MODEL_COST_MAP"] == "True"
    assert seen["OPENAI_AGENTS_DISABLE_TRACING"] == "1"


def test_the_proxies_of_a_driver_lead_nowhere_but_loopback_is_reached(installed: Installed) -> None:
    installed.fake("pydantic-ai", 'raised(os.environ["https_proxy"] + " " + body(request)[:20])')
    error = report(TEXT, *FAKE)["streams"][0]["clients"][0]["error"]
    assert error.startswith("http://127.0.0.1:9 event: response.cre")


def test_an_unknown_client_is_an_error_that_names_the_others(installed: Installed) -> None:
    result = impact(TEXT, "--client", "openai-pithon")
    assert result.exit_code == 2
    assert "--client names the unknown client 'openai-pithon'; known: openai-python create, " in result.stderr
    assert len(result.stderr.splitlines()) == 1
    result = impact(TEXT, "--client", "litellm==../../x")
    assert (result.exit_code, "--client has the invalid version '../../x'" in result.stderr) == (2, True)


def test_a_stream_that_cannot_be_read_is_one_line_and_the_others_are_played(installed: Installed) -> None:
    installed.fake("pydantic-ai", "ok()")
    result = impact("missing.sse", TEXT, *FAKE, "--format", "json")
    found = json.loads(result.stdout)
    assert result.exit_code == 2
    assert [error["source"] for error in found["errors"]] == ["missing.sse"]
    assert len(found["streams"]) == 1


def test_markdown_is_a_table_that_no_error_can_break(installed: Installed) -> None:
    installed.fake("pydantic-ai", 'raised("a|b\\n| c <script> `d`")')
    lines = impact(TEXT, *FAKE, "--format", "md").stdout.splitlines()
    (row,) = [line for line in lines if "pydantic-ai" in line]
    assert len(re.findall(r"(?<!\\)\|", row)) == 5
    assert "| client | version | outcome | what happens |" in lines


def test_a_terminal_gets_no_control_characters_from_a_client(installed: Installed) -> None:
    installed.fake("pydantic-ai", 'raised("a\\x1b[31m\\r\\nb")')
    assert "\x1b[31m" not in impact(TEXT, *FAKE).stdout


PYTHON_CLIENTS = ("openai-python", "openai-agents", "langchain-openai", "pydantic-ai", "litellm")


def test_a_bug_report_has_the_table(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    for client in PYTHON_CLIENTS:
        installed.fake(client, 'raised("RuntimeError: no")')
    monkeypatch.setenv("PATH", "/nonexistent")
    result = CliRunner().invoke(main, ["export", BROKEN, "--format", "md", "--impact"])
    assert result.exit_code == 0, result.stderr
    assert "## Official clients" in result.stdout
    assert "| pydantic-ai | `9.9` | raised | `raised: RuntimeError: no` |" in result.stdout
    assert re.search(r"- codex: .*Node", result.stdout)


def test_a_client_gets_a_redacted_stream_redacted(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    for client in PYTHON_CLIENTS:
        installed.fake(client, 'raised("Hello" if "Hello" in body(request) else "redacted")')
    monkeypatch.setenv("PATH", "/nonexistent")
    whole = CliRunner().invoke(main, ["export", TEXT, "--impact"]).stdout
    assert "raised: Hello" in whole
    redacted = CliRunner().invoke(main, ["export", TEXT, "--impact", "--redact-text"]).stdout
    assert "raised: redacted" in redacted
    assert "Hello" not in redacted


@pytest.mark.parametrize("format_", ["har", "parquet"])
def test_impact_is_for_the_bug_report_alone(format_: str) -> None:
    result = CliRunner().invoke(main, ["export", TEXT, "--format", format_, "--impact"])
    assert result.exit_code == 2
    assert "--impact is for --format md" in result.stderr
