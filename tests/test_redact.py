"""Secrets out, everything else as it was."""

import json

import pytest

from responses_tap.redact import mask, mask_body, mask_headers, mask_url

KEY = b"one recording's key"
SECRET = "sk-proj-abc0123456789abcdefghij"


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Proxy-Authorization", "api-key", "X-Api-Key", "x-goog-api-key", "Cookie", "Set-Cookie",
        "OpenAI-Organization", "OpenAI-Project", "x-amz-security-token", "Ocp-Apim-Subscription-Key",
        "cf-access-client-secret", "chatgpt-account-id",
    ],
)  # fmt: skip
def test_secret_headers_are_masked(name: str) -> None:
    [(kept, value)] = mask_headers([(name, SECRET)], KEY)
    assert kept == name
    assert SECRET not in value
    assert value.startswith("‹masked ")


@pytest.mark.parametrize(
    "name",
    ["user-agent", "idempotency-key", "x-ratelimit-remaining-tokens", "x-stainless-lang", "sec-websocket-key"],
)
def test_other_headers_stay(name: str) -> None:
    assert mask_headers([(name, "value 17")], KEY) == [(name, "value 17")]


def test_a_key_is_masked_in_whatever_header_it_stands() -> None:
    [(_, value)] = mask_headers([("x-debug", f"sent {SECRET} there")], KEY)
    assert SECRET not in value
    assert value.startswith("sent ‹masked ")


def test_the_same_secret_has_the_same_fingerprint_and_keeps_its_scheme() -> None:
    bearer, plain = mask(f"Bearer {SECRET}", KEY), mask(SECRET, KEY)
    assert bearer == f"Bearer {plain}"
    assert mask("another", KEY) != plain
    assert mask(SECRET, b"another recording's key") != plain


def test_masking_twice_changes_nothing_more() -> None:
    once = mask_body(json.dumps({"input": f"use {SECRET}"}), KEY)
    assert mask_body(once, KEY) == once
    assert mask(mask(SECRET, KEY), KEY) == mask(SECRET, KEY)
    assert mask("", KEY) == ""


def test_a_url_loses_its_secrets_only() -> None:
    url = mask_url(f"https://me:pass@host/v1/responses?api-version=2025&key={SECRET}&token=t&empty=", KEY)
    assert SECRET not in url
    assert "pass" not in url
    assert "api-version=2025" in url
    assert "empty=" in url
    plain = "https://host/openai/v1/responses?api-version=preview&stream=true#x"
    assert mask_url(plain, KEY) == plain


def test_the_secrets_of_an_mcp_tool_are_masked() -> None:
    tool = {
        "type": "mcp",
        "server_label": "l",
        "server_url": "https://mcp/sse?token=planted-1",
        "authorization": "planted-2",
        "headers": {"X-Whatever": "planted-3"},
    }
    masked = mask_body(json.dumps({"model": "m", "tools": [tool]}), KEY)
    assert "planted" not in masked
    [kept] = json.loads(masked)["tools"]
    assert (kept["type"], kept["server_label"], set(kept["headers"])) == ("mcp", "l", {"X-Whatever"})


def test_tokens_in_texts_are_masked_and_words_are_not() -> None:
    body = json.dumps(
        {"input": f"Bearer abcdefghijkl0123 and {SECRET}; Bearer authentication, sk-learn-contrib-package"}
    )
    masked = mask_body(body, KEY)
    assert SECRET not in masked
    assert "abcdefghijkl0123" not in masked
    assert "Bearer authentication, sk-learn-contrib-package" in masked
    json.loads(masked)


@pytest.mark.parametrize(
    "body", ['{ "model" : "m",\n "input":"hi" }', "not json", "", "[1, 2]", '{"tools": [{"type": "function"}]}']
)
def test_a_body_without_secrets_stays_as_it_was_sent(body: str) -> None:
    assert mask_body(body, KEY) == body
