"""A run of `record -- COMMAND` that saw no stream: why, most likely, and the line that would help."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from responses_tap_viewer.actions.recording.known_clients import BASE_URL, CLIENTS

_CHAT = ("/chat/completions", "/completions")
_BASE_URL = re.compile(rb"""\b(?:base_?url|api_?base)["']?\s*[:=]\s*["'`]https?://""", re.IGNORECASE)
"""Where a program sets its own base URL, in Python, JavaScript, JSON, TOML or YAML."""
_MOST_READ = 1 << 20
_PROXY = ("regular", "upstream")
_REGULAR = ("--mode", "regular")


class Seen(NamedTuple):
    """What a run showed."""

    passed: Mapping[str, int]
    """The requests that aren't recorded, counted by method and path (`POST /v1/chat/completions`)."""
    command: Sequence[str]
    mode: str
    """How the client was to connect: `reverse`, `regular`, …."""
    url: str
    """The recorder's base URL, or the proxy's URL."""
    refused_tls: bool = False
    """Whether a client gave up the TLS connection, as one does that doesn't trust the CA."""
    options: Sequence[str] = ()
    """Those of `record` that the user gave, as words, without --mode."""


class Advice(NamedTuple):
    """The most likely cause, and what to type or write."""

    cause: str
    help: str


def advise(seen: Seen) -> Advice:
    """Why nothing was recorded, most likely."""
    if any(name.split("?")[0].endswith(_CHAT) for name in seen.passed):
        return Advice(
            "the client uses the Chat Completions API, which isn't recorded",
            "client.responses.create(…, stream=True) · ChatOpenAI(…, use_responses_api=True) · "
            'Agent("openai-responses:…")',
        )
    if seen.refused_tls:
        return Advice(
            "the client doesn't trust the recorder's CA",
            "responses-tap clients lists the variables for it; or, without TLS: " + _recording(seen),
        )
    if _program(seen.command) == "codex" and seen.mode not in _PROXY:
        return Advice(
            "Codex ignores OPENAI_BASE_URL",
            f"codex -c openai_base_url={seen.url or BASE_URL} … (see `responses-tap clients codex`), or "
            + _recording(seen, *_REGULAR),
        )
    return _unseen(seen)


def _unseen(seen: Seen) -> Advice:
    if (place := _hard_coded(seen.command)) and seen.mode not in _PROXY:
        return Advice(f"{place} sets the base URL itself", f"remove it there, or {_recording(seen, *_REGULAR)}")
    if seen.passed:
        return Advice(
            "the client sent other requests only; the Responses API is POST …/responses",
            "responses-tap clients lists how to point known clients at the recorder",
        )
    if seen.mode in _PROXY:
        return Advice(
            "the client ignores HTTPS_PROXY (as Node before 22.21 does), or sent no request",
            _recording(seen) + " sets OPENAI_BASE_URL instead",
        )
    return Advice(
        "the client sets its base URL itself or ignores OPENAI_BASE_URL, or it sent no request",
        _recording(seen, *_REGULAR),
    )


def _recording(seen: Seen, *mode: str) -> str:
    """The same run again, in this mode."""
    return shlex.join(["responses-tap", "record", *mode, *seen.options, "--", *seen.command])


def _program(command: Sequence[str]) -> str:
    """The name of the program that a command runs, a runner's own name left out."""
    names = [Path(word).name for word in command if not word.startswith("-")]
    known = [name for name in names[:3] if name.lower() in CLIENTS]
    return (known or names or [""])[0].lower()


def _hard_coded(command: Sequence[str]) -> str:
    """The file and line, among the arguments of a command, where a base URL is written; empty where none is."""
    for word in command[1:]:
        path = Path(word)
        try:
            if not path.is_file():
                continue
            with path.open("rb") as file:
                text = file.read(_MOST_READ)
        except (OSError, ValueError):
            continue
        if found := _BASE_URL.search(text):
            return f"{word}:{text.count(b'\n', 0, found.start()) + 1}"
    return ""
