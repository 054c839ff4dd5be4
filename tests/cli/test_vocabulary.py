"""The vocabulary is that of the SDK, and a difference is named."""

import openai
import pytest
from click.testing import CliRunner, Result

from responses_tap.protocol.grammar import ROWS
from responses_tap_viewer.actions import vocabulary
from responses_tap_viewer.cli import main


def run() -> Result:
    return CliRunner().invoke(main, ["vocabulary"])


def test_the_vocabulary_is_that_of_the_release_it_names() -> None:
    assert openai.__version__ == vocabulary.MADE_FROM
    result = run()
    assert result.exit_code == 0
    assert result.stdout.startswith(f"0 differences from openai {vocabulary.MADE_FROM} ")


def test_each_difference_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {type_: row for type_, row in ROWS.items() if type_ != "response.inject.created"}
    delta = rows["response.output_text.delta"]
    rows |= {"response.output_text.delta": type(delta)(delta.type, delta.kind, delta.role), "response.x": delta}
    monkeypatch.setattr(vocabulary, "ROWS", rows)
    monkeypatch.setattr(vocabulary, "KNOWN_ITEMS", vocabulary.KNOWN_ITEMS - {"multi_agent_call"})
    result = run()
    assert result.exit_code == 1
    assert set(result.stdout.splitlines()[:-1]) == {
        "event response.inject.created: not known here",
        "event response.x: not known there",
        "item multi_agent_call: not known here",
        *(
            f"event response.output_text.delta: {name} is required there, not here"
            for name in ("content_index", "delta", "item_id", "output_index")
        ),
    }


def test_without_the_package_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise vocabulary.PackageNotFoundError(name)

    monkeypatch.setattr(vocabulary, "version", missing)
    result = run()
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
    assert "uv run --with openai responses-tap vocabulary" in result.stderr
