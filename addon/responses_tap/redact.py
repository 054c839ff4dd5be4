"""Takes secrets out of a request before it is written, and again before a trace leaves.

A secret becomes `‹masked 3f9a12›`. The six digits are a keyed fingerprint of it: within one recording the
same secret has the same digits, wherever it stood, and without the recording's key they tell nothing. Of a
response only the headers are touched.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus, urlsplit, urlunsplit

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
        "client_secret", "password", "refresh_token", "secret", "sig", "signature", "x-api-key",
    )
)  # fmt: skip
"""Names of query parameters with secrets."""

_SECRET_IN_TEXT = re.compile(
    # A digit tells a token from words: `Bearer authentication`, `sk-learn-contrib-package`.
    r"\bBearer\s+(?=[a-z._~+/=-]*\d)[a-z0-9._~+/=-]{12,}"
    r"|\b(?:sk|rk|sess|ek)-(?=[a-z_-]*\d)[\w-]{16,}"
    r"|\b(?:gsk|hf|gh[opsur])_\w{20,}"
    r"|\bxai-\w{20,}"
    r"|\bAIza[\w-]{30,}"
    r"|\bAKIA[A-Z0-9]{16}\b"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"(?i)(bearer|basic|digest|token)\s+(?=\S)")
_MASKED = "‹masked "


def mask(secret: str, key: bytes) -> str:
    """The secret as it is written, its scheme (`Bearer`) kept; an empty or masked one stays as it is."""
    if not secret.strip() or _MASKED in secret:
        return secret
    scheme = _SCHEME.match(secret)
    start = scheme.end() if scheme else 0
    fingerprint = hmac.new(key, secret[start:].encode(errors="replace"), hashlib.sha256).hexdigest()[:6]
    return f"{secret[:start]}{_MASKED}{fingerprint}›"


def mask_headers(headers: Iterable[tuple[str, str]], key: bytes) -> list[tuple[str, str]]:
    """The headers with their secrets masked, by name, or by what a value looks like."""
    return [(name, mask(value, key) if _is_secret_header(name) else _mask_text(value, key)) for name, value in headers]


def mask_url(url: str, key: bytes) -> str:
    """The URL with the secrets of its query string and of its user part masked."""
    parts = urlsplit(url)
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    query = "&".join(
        f"{name}={mask(unquote_plus(value), key)}"
        if value and unquote_plus(name).lower() in _SECRET_PARAMETERS
        else name + equals + value
        for name, equals, value in pairs
    )
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{mask(user, key)}@{host}" if at else host
    return urlunsplit(parts._replace(netloc=netloc, query=query))


def mask_body(body: str, key: bytes) -> str:
    """The request body with the secrets of MCP tools, and what looks like a key or token, masked.

    Where an MCP tool has a secret the JSON is written anew, otherwise the body stays as it was sent.
    """
    try:
        document = json.loads(body)
        masked = _mask_tools(document, key)
    except (ValueError, RecursionError):
        return _mask_text(body, key)
    return _mask_text(body if masked == document else json.dumps(masked, ensure_ascii=False), key)


def _is_secret_header(name: str) -> bool:
    name = name.lower()
    words = re.split(r"[-_]", name)
    return (
        name in _SECRET_HEADERS
        or not _SECRET_WORDS.isdisjoint(words)
        or (words[-1] == "key" and not _KEY_OWNERS.isdisjoint(words))
    )


def _mask_text(text: str, key: bytes) -> str:
    def masked(match: re.Match[str]) -> str:
        return mask(match[0], key)

    return _SECRET_IN_TEXT.sub(masked, text)


def _mask_tools(value: Any, key: bytes) -> Any:  # noqa: ANN401 (JSON)
    if isinstance(value, list):
        return [_mask_tools(entry, key) for entry in value]
    if not isinstance(value, dict):
        return value
    masked = {name: _mask_tools(entry, key) for name, entry in value.items()}
    if value.get("type") == "mcp":
        if isinstance(authorization := value.get("authorization"), str):
            masked["authorization"] = mask(authorization, key)
        if isinstance(headers := value.get("headers"), dict):
            masked["headers"] = {name: mask(str(entry), key) for name, entry in headers.items()}
        if isinstance(url := value.get("server_url"), str):
            masked["server_url"] = mask_url(url, key)
    return masked
