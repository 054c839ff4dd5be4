"""Takes secrets out of a request before it is written, and again before a trace leaves.

A secret becomes `‹masked 3f9a12›`. The six digits are a keyed fingerprint of it: within one recording the
same secret has the same digits, wherever it stood, and without the recording's key they tell nothing. Of a
response only the headers are touched.
"""

import hashlib
import hmac
import json
import os
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote_plus, urlunsplit

from responses_tap.errors import RecordingError
from responses_tap.urls import split

OWN_PATTERNS = "RESPONSES_TAP_SECRETS"
"""The environment variable with regular expressions of further secrets, one a line. (As arguments everybody on the
machine could read them, and perhaps the secrets in them.)"""

_SECRET_WORDS = frozenset(
    (
        "authorization",
        "cookie",
        "token",
        "secret",
        "password",
        "credential",
        "apikey",
        "organization",
        "project",
    )
)
"""A header with one of these words in its name is secret. (`tokens`, as in rate limits, is none of them.)"""
_KEY_OWNERS = frozenset(("api", "auth", "access", "subscription"))
"""…and so is one named `…-api-key` and the like; `idempotency-key` and `sec-websocket-key` are not."""
_SECRET_HEADERS = frozenset(("chatgpt-account-id",))

_SECRET_PARAMETERS = frozenset(
    (
        "access_token", "api-key", "api_key", "apikey", "auth", "auth_token", "authorization", "key", "token",
        "client_secret", "password", "refresh_token", "secret", "sig", "signature", "x-amz-security-token",
        "x-amz-signature", "x-api-key",
    )
)  # fmt: skip
"""Names of query parameters with secrets."""

_SECRET_MEMBERS = (
    "access_token", "api_key", "apikey", "auth_token", "authorization", "bearer_token", "client_secret", "password",
    "refresh_token", "secret",
)  # fmt: skip
"""Ends of the names of members of a JSON request body whose texts are secret, `-` written as `_`."""

_TOKEN_LEADS = (
    "ek-", "rk-", "sess-", "sk-", "gho_", "ghp_", "ghr_", "ghs_", "ghu_", "github_pat_", "glpat-", "gsk_", "hf_",
    "npm_", "nvapi-", "pplx-", "pypi-", "r8_", "rk_live_", "sk_live_", "xai-", "xoxb-", "xoxp-", "ya29.",
)  # fmt: skip
_NAMES_IN_TEXT = (
    "access-token", "access_token", "api-key", "api_key", "apikey", "auth-token", "auth_token", "authorization",
    "password", "secret",
)  # fmt: skip


def _one_of(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(map(re.escape, words))})"


_ASSIGNED = r"""\\?["']?\s*[:=]\s*\\?["']?(?:basic\s+|token\s+)?"""
type _Look = tuple[str, tuple[str, ...], re.Pattern[str]]

_LOOKS: tuple[_Look, ...] = tuple(
    (kind, needles, re.compile(pattern))
    for kind, needles, pattern in (
        # A digit tells a token from words: `Bearer authentication`, `sk-learn-contrib-package`.
        ("bearer token", ("bearer",), r"(?i)\bbearer\s+((?=[a-z._~+/=-]*\d)[\w.~+/=-]{12,})"),
        ("API key", _TOKEN_LEADS, rf"\b{_one_of(_TOKEN_LEADS)}(?=[A-Za-z_-]*\d)[\w-]{{16,}}"),
        ("Google API key", ("AIza",), r"\bAIza[\w-]{30,}"),
        ("AWS access key", ("AKIA", "ASIA"), r"(?:AKIA|ASIA)[A-Z0-9]{16}"),
        ("JSON web token", ("eyJ",), r"eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"),
        (
            "private key",  # up to its end, or to that of the JSON text that it stands in
            ("PRIVATE KEY-----",),
            r"""-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[^"\\]|\\[^"])*?(?:-----END [A-Z ]*KEY-----|(?=\\?"|\Z))""",
        ),
        ("password in a URL", ("://",), r"""://[^\s:/@"'\\]*:([^\s:/@"'\\]+)@"""),
        ("token in a URL", ("=",), rf"""(?i)[?&]{_one_of(_SECRET_PARAMETERS)}=([^\s&"'\\‹]{{8,}})"""),
        (
            "named secret",
            _NAMES_IN_TEXT,
            rf"""(?i){_one_of(_NAMES_IN_TEXT)}{_ASSIGNED}((?=[^\s"'\\,;&]*\d)[^\s"'\\,;&‹]{{16,}})""",
        ),
    )
)
"""What a secret looks like in a text: its kind; of what the text must hold something, in any case where that is written
in lower case (to look for it is many times as fast as the pattern); the pattern, whose group, if any, is the secret."""
_SCHEME = re.compile(r"(?i)(bearer|basic|digest|token)\s+(?=\S)")
_MASKED = "‹masked "


class Secret(NamedTuple):
    """Something in a text that looks like a secret."""

    start: int
    """Where it begins in the text, and `end` where it ends: characters."""
    end: int
    kind: str
    """`API key`, `bearer token` and the like."""


def find_secrets(text: str) -> list[Secret]:
    """What looks like a secret in any text (a body, a frame, a message), in order and not overlapping.

    What is masked already is not found. The one scanner: requests are masked by it, responses and exports flagged.
    RecordingError if the patterns of one's own cannot be read.
    """
    folded = text.lower()
    found = [
        Secret(*match.span(min(pattern.groups, 1)), kind)
        for kind, needles, pattern in (*_LOOKS, *own_patterns())
        if any(needle in (folded if needle.islower() else text) for needle in needles)
        for match in pattern.finditer(text)
    ]
    separate: list[Secret] = []
    for secret in sorted(found, key=lambda secret: (secret.start, -secret.end)):
        if secret.start == secret.end:  # by a pattern of one's own
            continue
        if separate and secret.start < separate[-1].end:
            separate[-1] = separate[-1]._replace(end=max(secret.end, separate[-1].end))
        else:
            separate.append(secret)
    return separate


def mask(secret: str, key: bytes) -> str:
    """The secret as it is written, its scheme (`Bearer`) kept; an empty or masked one stays as it is."""
    if not secret.strip() or _MASKED in secret:
        return secret
    scheme = _SCHEME.match(secret)
    start = scheme.end() if scheme else 0
    fingerprint = hmac.new(key, secret[start:].encode(errors="replace"), hashlib.sha256).hexdigest()[:6]
    return f"{secret[:start]}{_MASKED}{fingerprint}›"


def own_patterns() -> tuple[_Look, ...]:
    """The patterns of RESPONSES_TAP_SECRETS; RecordingError where one of them is no regular expression."""
    return _compiled(os.environ.get(OWN_PATTERNS, ""))


@cache
def _compiled(lines: str) -> tuple[_Look, ...]:
    try:
        return tuple(("own pattern", ("",), re.compile(line)) for line in lines.splitlines() if line.strip())
    except re.error as error:
        raise RecordingError(f"{OWN_PATTERNS}: {error.pattern!r} is no regular expression ({error})") from error


def mask_text(text: str, key: bytes) -> str:
    """The text with everything masked that looks like a secret."""
    parts: list[str] = []
    at = 0
    for secret in find_secrets(text):
        parts += (text[at : secret.start], mask(text[secret.start : secret.end], key))
        at = secret.end
    return "".join((*parts, text[at:]))


def mask_headers(headers: Iterable[tuple[str, str]], key: bytes) -> list[tuple[str, str]]:
    """The headers with their secrets masked, by name, or by what a value looks like."""
    return [(name, mask(value, key) if _is_secret_header(name) else mask_text(value, key)) for name, value in headers]


def mask_url(url: str, key: bytes) -> str:
    """The URL with the secrets of its query string and of its user part masked."""
    parts = split(url)
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    query = "&".join(
        f"{name}={mask(unquote_plus(value), key)}"
        if value and unquote_plus(name).lower() in _SECRET_PARAMETERS
        else name + equals + value
        for name, equals, value in pairs
    )
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{mask(user, key)}@{host}" if at else host
    return mask_text(urlunsplit(parts._replace(netloc=netloc, query=query)), key)


def mask_body(body: str, key: bytes) -> str:
    """The request body with its secrets masked: members named so, those of tools, and what looks like one.

    Where something in it is masked the JSON is written anew, otherwise the body stays as it was sent.
    """
    try:
        document = json.loads(body)
        masked = _mask_json(document, key)
    except (ValueError, RecursionError):
        return mask_text(body, key)
    return body if masked == document else json.dumps(masked, ensure_ascii=False)


def _is_secret_header(name: str) -> bool:
    name = name.lower()
    words = re.split(r"[-_]", name)
    return (
        name in _SECRET_HEADERS
        or not _SECRET_WORDS.isdisjoint(words)
        or (words[-1] == "key" and not _KEY_OWNERS.isdisjoint(words))
    )


def _mask_json(value: Any, key: bytes) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, str):
        return mask_text(value, key)
    if isinstance(value, list):
        return [_mask_json(entry, key) for entry in value]
    if not isinstance(value, dict):
        return value
    masked = {mask_text(name, key): _mask_member(name, entry, key) for name, entry in value.items()}
    if value.get("type") == "mcp":
        if isinstance(headers := value.get("headers"), dict):
            masked["headers"] = {name: mask(str(entry), key) for name, entry in headers.items()}
        if isinstance(url := value.get("server_url"), str):
            masked["server_url"] = mask_url(url, key)
    return masked


def _mask_member(name: str, value: Any, key: bytes) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, str) and name.lower().replace("-", "_").endswith(_SECRET_MEMBERS):
        return mask(value, key)
    if name == "domain_secrets" and isinstance(value, list):  # of a container's network policy
        return [entry | {"value": mask(str(entry.get("value")), key)} for entry in value if isinstance(entry, dict)]
    return _mask_json(value, key)
