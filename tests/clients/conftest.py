"""Clients that are installed already: the real openai-python of this environment, and fakes in place of others."""

import sys
from pathlib import Path

import pytest

_FAKE = """#!{python} -I
import json, os, sys, time, urllib.request

def say(value):
    print(json.dumps(value), flush=True)

def body(request):
    url = request["base_url"] + "/responses"
    with urllib.request.urlopen(urllib.request.Request(url, b"{{}}", method="POST")) as answer:
        return answer.read().decode(errors="replace")

def ok(text="", **more):
    say({{"client": "fake", "version": "9.9", "outcome": "ok", "text": text, **more}})

def raised(error):
    say({{"client": "fake", "version": "9.9", "outcome": "raised", "error": error}})

say({{"client": "fake", "version": "9.9"}})
for line in sys.stdin:
    request = json.loads(line)
    {answer}
"""


class Installed:
    """A cache folder, and what is put into it."""

    def __init__(self, cache: Path) -> None:
        self._clients = cache / "responses-tap" / "clients"

    def python(self, client: str, script: str, version: str = "9.9") -> None:
        """A client for Python whose interpreter is this script."""
        python = self._clients / client / version / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(script)
        python.chmod(0o755)

    def fake(self, client: str, answer: str, version: str = "9.9") -> None:
        """A client whose driver runs the line `answer` for each request."""
        self.python(client, _FAKE.format(python=sys.executable, answer=answer), version)

    def real_openai(self) -> None:
        """openai-python, as this environment has it."""
        self.python("openai-python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "3.57.0")

    def node(self, client: str, package: str, engines: str) -> None:
        """A client for Node."""
        folder = self._clients / client / "9.9" / "node_modules" / package
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(f'{{"version": "9.9", "engines": {{"node": "{engines}"}}}}')


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """An empty cache folder; what isn't in it can't be installed: nothing here reaches a registry."""
    for name, value in (("UV_OFFLINE", "1"), ("PIP_NO_INDEX", "1"), ("npm_config_offline", "true")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Installed(tmp_path / "cache")
