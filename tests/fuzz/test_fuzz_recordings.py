"""Recordings with anything in any place: each command says what is wrong in a line, and none fails."""

import json
from pathlib import Path
from shutil import copy
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.crafting import INVALID_TEXT, Sql, columns, put, record

from responses_tap_viewer.cli import main

VALUES = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([-1, 0, 1, 2, 9, 1e308, -1e308, 0.5, float("inf"), "", "x", b"", b"\xff", INVALID_TEXT]),
    st.sampled_from([Sql("zeroblob(3000000)"), Sql("hex(zeroblob(500000))"), Sql("raw || raw")]),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ).map(json.dumps),
)
COMMANDS = [
    "list",
    "show #",
    "show # --full",
    "check",
    "check --join --format json",
    "recheck",
    "diff # #1",
    "diff --by-shape",
    "prune --keep 0 --dry-run",
    "rm #",
]
FORMATS = ("md", "html", "json", "sse", "har", "curl", "pytest")


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    db = tmp_path_factory.mktemp("crafted") / "r.db"
    record(db)
    return db


@given(data=st.data())
def test_no_command_fails(valid: Path, data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        db = Path(copy(valid, folder))
        for _ in range(data.draw(st.integers(1, 3))):
            table, column = data.draw(st.sampled_from(columns(db)))
            value = data.draw(VALUES)
            if isinstance(value, Sql) and "raw" in value and table not in ("events", "tails", "wire", "uploads"):
                continue
            put(db, table, column, value, data.draw(st.integers(1, 3)))
        asked = data.draw(st.sampled_from([*COMMANDS, *(f"export # --allow-text --format {name}" for name in FORMATS)]))
        stream = data.draw(st.integers(1, 3))
        words = [word.replace("#", f"{db}#") if word != "#" else f"{db}#{stream}" for word in asked.split()]
        if "#" not in asked:
            words.insert(1, str(db)) if words[0] != "diff" else words.append(str(db))
        result = CliRunner().invoke(main, words)
        assert isinstance(result.exception, SystemExit | None), (words, result.exc_info)
        assert result.exit_code in (0, 1, 2)
        assert result.exit_code != 2 or result.stderr
        assert "\x1b" not in result.output
        assert "Traceback" not in result.output
