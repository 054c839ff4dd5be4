"""Secrets out, everything else as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responses_tap.errors import RecordingError
from responses_tap.privacy.masking import OWN_PATTERNS, find_secrets, mask, mask_body, mask_headers, mask_text, mask_url

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


LOOKS = {
    "bearer token": ["Authorization: Bearer {abcdefghijkl0123}", "bearer {abc.def~0123456}"],
    "API key": [
        f"{{{SECRET}}}", "{sk-ant-api03-abcdefghijklmnop}", "{gsk_abcdefghijklmnop1234}", "{hf_abcdefghijklmnop1234}",
        "{ghp_abcdefghijklmnop1234}", "{github_pat_11ABCDEFG0abcdefghij}", "{glpat-abcdefghijklmnop1234}",
        "{xoxb-123456789012-abcdefghijkl}", "{nvapi-abcdefghijklmnop1234}", "{xai-abcdefghijklmnop1234}",
    ],
    "Google API key": ["{AIzaSyA-abcdefghijklmnopqrstuvwxyz01234}"],
    "AWS access key": ["{AKIAABCDEFGHIJKLMNOP}", "{ASIAABCDEFGHIJKLMNOP}"],
    "JSON web token": ["{eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0abc.abcdefghijklm-_}"],
    "private key": ["{-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\nabc=\\n-----END RSA PRIVATE KEY-----}\\n"],
    "password in a URL": ["https://me:{hunter2}@host/", "postgres://:{x}@db"],
    "token in a URL": ["https://host/blob?sv=1&sig={aBc%2Fdefgh}&x=1", "https://host/?X-Amz-Signature={abcdef0123}"],
    "named secret": [
        'api_key="{abcdefghijklmn0123}"', '{{\\"client_secret\\": \\"{abcdefghijklmn0123}\\"}}',
        "Authorization: Basic {dXNlcjpwYXNzd29yZDE=}", "PASSWORD={correct-horse-battery-7}",
    ],
}  # fmt: skip
"""Texts for each kind, with the secret in braces."""


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in LOOKS.items() for text in texts])
def test_each_kind_of_secret_is_found_where_it_stands(kind: str, text: str) -> None:
    start, _, rest = text.replace("{{", "<").replace("}}", ">").partition("{")
    secret, _, end = rest.partition("}")
    [found] = find_secrets(start + secret + end)
    assert (found.kind, (start + secret + end)[found.start : found.end]) == (kind, secret)
    assert mask_text(start + secret + end, KEY) == start + mask(secret, KEY) + end


@pytest.mark.parametrize(
    "text",
    [
        "Bearer authentication", "sk-learn-contrib-package", "the secret: unbelievable-but-true",
        "task-1234567890abcdefgh",
        '"input_tokens": 1234567890123456, "prompt_cache_key": "abcdefghijklmn0123"',
        "https://host:8080/a@b?x=1&api-version=1",
        "https://host/?key=", "token=short", "resp_0123456789abcdef0123456789abcdef", "msg_68a0123456789abcdef",
        "os.environ['OPENAI_API_KEY']", "-----BEGIN CERTIFICATE-----",
    ],
)  # fmt: skip
def test_what_only_sounds_like_a_secret_is_not_found(text: str) -> None:
    assert find_secrets(text) == []


PLANTED = [
    text.replace("{{", "").replace("}}", "").replace("{", "").replace("}", "")
    for texts in LOOKS.values()
    for text in texts
]


@given(st.lists(st.sampled_from(PLANTED) | st.text(max_size=8)))
def test_nothing_is_found_in_what_has_been_masked(pieces: list[str]) -> None:
    masked = mask_text("\n".join(pieces), KEY)
    assert find_secrets(masked) == []
    assert mask_text(masked, KEY) == masked


def test_a_body_loses_the_members_that_are_named_so() -> None:
    domain_secrets = [{"domain": "d", "name": "n", "value": "planted-5"}]
    body = {
        "model": "m",
        "metadata": {"api_key": "planted-1", "X-Api-Key": "planted-2", "password": "planted-3", "key": "kept-1"},
        "input": [{"type": "message", "content": "hi", "logprobs": [{"token": "kept-2"}]}],
        "tools": [
            {"type": "mcp", "authorization": "Bearer planted-4"},
            {"type": "function", "parameters": {"properties": {"password": {"type": "string"}}}},
            {"type": "code_interpreter", "container": {"network_policy": {"domain_secrets": domain_secrets}}},
        ],
    }
    masked = mask_body(json.dumps(body), KEY)
    assert "planted" not in masked
    kept = json.loads(masked)
    assert kept["metadata"]["key"] == "kept-1"
    assert kept["input"] == body["input"]
    assert kept["tools"][0]["authorization"].startswith("Bearer ‹masked ")
    assert kept["tools"][1] == body["tools"][1]
    assert kept["tools"][2]["container"]["network_policy"]["domain_secrets"][0]["domain"] == "d"


def test_patterns_of_one_s_own_are_secrets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "customer 4711-ACME and ticket T-1 ok"
    assert find_secrets(text) == []
    monkeypatch.setenv(OWN_PATTERNS, "\\d{4}-[A-Z]+\n\nticket (\\S+)\nx*")
    assert [text[found.start : found.end] for found in find_secrets(text)] == ["4711-ACME", "T-1"]
    assert "ACME" not in mask_body(json.dumps({"input": text}), KEY)
    assert "ACME" not in mask_url("https://h/4711-ACME/responses", KEY)
    monkeypatch.setenv(OWN_PATTERNS, "fine\n(")
    with pytest.raises(RecordingError, match=r"RESPONSES_TAP_SECRETS: '\(' is no regular expression"):
        find_secrets(text)
