"""A run of `record -- COMMAND` that saw no stream: why, most likely, and the command that would help."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from responses_tap_viewer.actions.recording.known_clients import BASE_URL, CLIENTS

_CHAT = ("/chat/completions", "/completions")
_HARD_CODED = re.compile(
    rb"""\b(?:base_?url|api_?base)["']?\s*[:=]\s*["'`]https?://"""
    rb"""|["'`]https?://(?:api\.openai\.com/v1\b|[^\s"'`]+/v1/responses\b)""",
    re.IGNORECASE,
)
"""Where a program sets its own base URL, in Python, JavaScript, JSON, TOML or YAML, or has a URL of the API."""
_MOST_READ = 1 << 20
_PROXY = ("regular", "upstream")
_REGULAR = ("--mode", "regular")
_FIXED = urlsplit(BASE_URL).netloc
"""An address to be told to a client beforehand."""
_STATUS = {126: ": not executable", 127: ": not found"}
"""What a shell says by the exit status (POSIX, Shell & Utilities, section 2.8.2)."""
_CLIENTS = "responses-tap clients"
_BY_HAND = "its base URL has to be set by hand, to the address that the recorder prints"


class Seen(NamedTuple):
    """What a run showed."""

    passed: Mapping[str, int]
    """The requests that aren't recorded, counted by method and path (`POST /v1/chat/completions`)."""
    command: Sequence[str]
    mode: str
    """How the client was to connect: `reverse`, `regular`, …."""
    refused_tls: bool = False
    """Whether a client gave up the TLS connection, as one does that doesn't trust the CA."""
    options: Sequence[str] = ()
    """Those of `record` that the user gave, as words, without --mode."""
    status: int = 0
    """The exit status of the command; that of one ended by signal N is 128 + N."""


class Advice(NamedTuple):
    """The most likely cause, and the command to paste."""

    cause: str
    help: str


def advise(seen: Seen) -> Advice:
    """Why nothing was recorded, most likely; a command that failed before its first request is said to have."""
    guess = _guessed(seen)
    if not seen.status or seen.passed or seen.refused_tls:
        return guess
    how = _STATUS.get(seen.status, "")
    failed = f"the command failed (exit status {seen.status}{how})"
    if how:  # its own words say more than a guess
        return Advice(failed, shlex.join(seen.command))
    return Advice(f"{failed} before a request reached the recorder; if not for that, {guess.cause}", guess.help)


def _guessed(seen: Seen) -> Advice:
    if any(name.split("?")[0].endswith(_CHAT) for name in seen.passed):
        return Advice(
            "the client uses the Chat Completions API, which isn't recorded; the Responses API is "
            "client.responses.create(…, stream=True), ChatOpenAI(…, use_responses_api=True), "
            'Agent("openai-responses:…")',
            _CLIENTS,
        )
    if seen.refused_tls:
        return _distrusted(seen)
    if seen.passed:
        return Advice(
            "the client sent other requests only; the Responses API is POST …/responses, and `responses-tap clients` "
            "lists how to point known clients at the recorder",
            _CLIENTS,
        )
    return _past_the_proxy(seen) if seen.mode in _PROXY else _past_the_base_url(seen)


def _distrusted(seen: Seen) -> Advice:
    """The client gave up TLS: without it, where the base URL can be set."""
    cause = "the client doesn't trust the recorder's CA; `responses-tap clients` lists the variables for it"
    if _program(seen.command) == "codex":
        return Advice(f"{cause}, and without TLS there is no need for one", _with_codex(seen))
    if _hard_coded(seen.command):
        return Advice(cause, _CLIENTS)
    return Advice(f"{cause}, and without TLS there is no need for one", _recording(seen, seen.command))


def _past_the_base_url(seen: Seen) -> Advice:
    if _program(seen.command) == "codex":
        return Advice("Codex ignores OPENAI_BASE_URL, and has an option of its own for it", _with_codex(seen))
    place = _hard_coded(seen.command)
    if _avoids_proxies(seen.command):
        cause = f"{place or 'the client'} sets the base URL itself, and --noproxy goes past a proxy, too"
        return Advice(f"{cause}: {_BY_HAND}", _waiting(seen))
    if place:
        cause = f"{place} sets the base URL itself; remove it there, or go through a proxy"
    else:
        cause = "the client sets its base URL itself or ignores OPENAI_BASE_URL, or it sent no request"
    return Advice(cause, _recording(seen, seen.command, *_REGULAR))


def _past_the_proxy(seen: Seen) -> Advice:
    """Nothing reached the proxy. `record -- COMMAND` isn't advised: whoever tried that was sent here."""
    if _program(seen.command) == "codex":
        return Advice("Codex went past HTTPS_PROXY, or sent no request; its base URL can be set", _with_codex(seen))
    why = (
        "as --noproxy says"
        if _avoids_proxies(seen.command)
        else "as Node does before 22.21, but not from 24 on, with NODE_USE_ENV_PROXY=1"
    )
    place = _hard_coded(seen.command)
    where = f" ({place} sets it)" if place else ""
    return Advice(f"the client ignores HTTPS_PROXY ({why}), or sent no request: {_BY_HAND}{where}", _waiting(seen))


def _recording(seen: Seen, command: Sequence[str], *mode: str) -> str:
    """The run of a command, in this mode, with the same options."""
    return shlex.join(["responses-tap", "record", *mode, *seen.options, "--", *command])


def _waiting(seen: Seen) -> str:
    """A recorder without a command, at an address that is known beforehand."""
    options = list(seen.options)
    at = options.index("--listen") if "--listen" in options else None
    if at is None:
        options += ["--listen", _FIXED]
    elif options[at + 1].rpartition(":")[2] == "0":
        options[at + 1] = _FIXED
    return shlex.join(["responses-tap", "record", *options])


def _with_codex(seen: Seen) -> str:
    """Codex with the base URL of the next run, which only a shell in it knows."""
    at = next(i for i, word in enumerate(seen.command) if Path(word).name.lower() == "codex") + 1
    head, tail = shlex.join(seen.command[:at]), shlex.join(seen.command[at:])
    script = f'{head} -c openai_base_url="$OPENAI_BASE_URL" {tail}'.rstrip()
    return _recording(seen, ["sh", "-c", script])


def _avoids_proxies(command: Sequence[str]) -> bool:
    return _program(command) == "curl" and any(word.startswith("--noproxy") for word in command)


def _program(command: Sequence[str]) -> str:
    """The name of the program that a command runs, a runner's own name left out."""
    names = [Path(word).name for word in command if not word.startswith("-")]
    known = [name for name in names[:3] if name.lower() in CLIENTS]
    return (known or names or [""])[0].lower()


def _hard_coded(command: Sequence[str]) -> str:
    """The file and line, among the arguments of a command, where a base URL is written; empty where none is.

    It may be in the command itself, as that of curl.
    """
    for word in command[1:]:
        path = Path(word)
        try:
            if not path.is_file():
                continue
            with path.open("rb") as file:
                text = file.read(_MOST_READ)
        except (OSError, ValueError):
            continue
        if line := _line_with_url(text):
            return f"{word}:{line}"
    words = (b'"%s"' % word.encode(errors="surrogateescape") for word in command[1:])
    return "the command" if any(map(_line_with_url, words)) else ""


def _line_with_url(text: bytes) -> int:
    """The number of the line that has a URL which isn't what to take where OPENAI_BASE_URL is unset; 0 for none."""
    for found in _HARD_CODED.finditer(text):
        begin, end = text.rfind(b"\n", 0, found.start()) + 1, text.find(b"\n", found.end())
        if b"OPENAI_BASE_URL" not in text[begin : end if end >= 0 else None]:
            return text.count(b"\n", 0, found.start()) + 1
    return 0
