"""Credentials are removed, whatever their name or place; everything else stays unchanged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responses_tap.errors import RecordingError
from responses_tap.privacy.body_masking import as_text
from responses_tap.privacy.looks import OWN_PATTERNS, find_secrets
from responses_tap.privacy.masking import Masker
from responses_tap.privacy.masks import MASK, is_mask, mask_of
from responses_tap.privacy.secret_names import is_harmless, is_secret

KEY = b"the key of one run, 32 bytes long"
SECRET = "sk-proj-abc0123456789abcdefghij"
PLANTED = "hunter2"
MASKER = Masker(KEY)
WRITTEN = Masker(KEY, written=True)


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "Proxy-Authorization", "api-key", "X-Api-Key", "x-goog-api-key", "Cookie", "subscription-key",
        "OpenAI-Organization", "OpenAI-Project", "x-amz-security-token", "Ocp-Apim-Subscription-Key", "X-Functions-Key",
        "Helicone-Auth", "X-Tenant-Key", "x-signature", "chatgpt-account-id", "Sec-WebSocket-Protocol", "X-Next-Year",
        "x-stainless-api-key", "Accept-Token",
    ],
)  # fmt: skip
def test_headers_of_unknown_names_are_masked(name: str) -> None:
    [(kept, value)] = MASKER.request_headers([(name, PLANTED)])
    assert kept == name
    assert is_mask(value)


@pytest.mark.parametrize(
    "name",
    ["User-Agent", "x-stainless-lang", "session_id", "thread-id", "Content-Type", "traceparent", "openai-beta"],
)
def test_harmless_headers_stay(name: str) -> None:
    assert MASKER.request_headers([(name, "value 17")]) == [(name, "value 17")]


def test_further_names_can_be_kept() -> None:
    keeping = Masker(KEY, ["X-Team"])
    assert keeping.request_headers([("x-team", "a"), ("x-other", "b")]) == [
        ("x-team", "a"),
        ("x-other", MASKER.secret("b")),
    ]
    assert keeping.url("https://h/?x_team=a&y=b") == f"https://h/?x_team=a&y={MASKER.secret('b')}"


def test_a_key_is_masked_in_any_header() -> None:
    [(_, value)] = MASKER.request_headers([("user-agent", f"sent {SECRET} there")])
    assert value == f"sent {MASKER.secret(SECRET)} there"


def test_response_headers_stay_unless_they_are_credentials() -> None:
    headers = [("server", "x"), ("x-backend", "b"), ("x-ratelimit-remaining-tokens", "9"), ("via", "1.1 y")]
    assert MASKER.response_headers(headers) == headers
    secret = [
        ("Set-Cookie", f"id={PLANTED}"),
        ("x-session-token", PLANTED),
        ("Location", f"https://u:p@h/?c={PLANTED}"),
    ]
    assert PLANTED not in str(MASKER.response_headers(secret))


def test_the_same_secret_has_the_same_fingerprint_and_keeps_its_scheme() -> None:
    bearer, plain = MASKER.secret(f"Bearer {SECRET}"), MASKER.secret(SECRET)
    assert bearer == f"Bearer {plain}"
    assert MASKER.secret("another") != plain
    assert Masker().secret(SECRET) != Masker().secret(SECRET)


def test_a_mask_fits_into_a_header_a_url_and_a_shell() -> None:
    mask = MASKER.secret(SECRET)
    assert MASK.fullmatch(mask)
    assert mask.isascii()
    assert mask.replace("-", "").isalnum()


def test_a_value_that_looks_like_a_mask_is_masked_like_any_other() -> None:
    forged = mask_of("x", b"")
    assert MASKER.secret(forged) != forged
    assert PLANTED not in MASKER.secret(f"{forged} {PLANTED}")
    assert WRITTEN.secret(forged) == forged
    assert PLANTED not in WRITTEN.secret(f"{forged} {PLANTED}")


@pytest.mark.parametrize("old", ["‹masked 3f9a12›", "Bearer ‹masked 3f9a12›"])
def test_masks_of_old_recordings_stay(old: str) -> None:
    assert WRITTEN.request_headers([("Authorization", old)]) == [("Authorization", old)]


@pytest.mark.parametrize(
    "url",
    [
        f"https://h/v1/responses?code={PLANTED}", f"https://h/v1/responses?id_token={PLANTED}&stream=true",
        f"https://me:{PLANTED}@h/v1/responses", f"https://{PLANTED}@h/v1/responses", f"https://h/#{PLANTED}",
        f"https://h/?{PLANTED}", f"https://h/?stream=true;key={PLANTED}", f"https://h/?k%65y={PLANTED}",
        f"https://h/?key=%68unter2&key={PLANTED}", f"http://[::1]:80/?x={PLANTED}", f"http://[?x={PLANTED}",
        f"https://h/{SECRET}/responses?a={PLANTED}", f"https://h/{SECRET.replace('-', '%2D')}/responses",
    ],
)  # fmt: skip
def test_a_url_loses_its_credentials(url: str) -> None:
    masked = MASKER.url(url)
    assert PLANTED not in masked
    assert "abc0123456789" not in masked
    assert WRITTEN.url(masked) == masked


@pytest.mark.parametrize(
    "url",
    ["https://h:8/openai/v1/responses?api-version=preview&stream=true", "http://[::1]:80/v1/responses/resp_1?starting_after=5",
     "https://h/?include[]=x&empty=", "not a url"],
)  # fmt: skip
def test_a_harmless_url_stays(url: str) -> None:
    assert MASKER.url(url) == url


BODIES = {
    "a member": '{"api_key": "hunter2"}',
    "in camelCase": '{"apiKey": "hunter2", "clientSecret": "hunter2", "privateKeyId": "hunter2"}',
    "of several words": '{"connection-string": "hunter2", "signing key": "hunter2", "DB.Password": "hunter2"}',
    "a container": '{"credentials": {"a": ["hunter2", {"b": "hunter2"}]}}',
    "a number": '{"password": 4711001, "token": "hunter2"}',
    "escaped": '{"pass\\u0077ord": "hunter2"}',
    "a name twice": '{"api_key": "hunter2", "api_key": ""}',
    "a byte order mark": '\ufeff{"api_key": "hunter2"}',
    "a trailing comma": '{"api_key": "hunter2",}',
    "a trailing comma, escaped": '{"pass\\u0077ord": "hunter2",}',
    "several documents": '{"model": "m"}\n{"api_key": "hunter2"}\n',
    "deep": "[" * 3000 + '{"api_key": "hunter2"}' + "]" * 3000,
    "cut in the value": '{"model": "m", "api_key": "hunter2',
    "cut behind it": '{"api_key": "hunter2", "model": "m',
    "a quote too many": '{"a": "x"y", "api_key": "hunter2"}',
    "Python": "{'api_key': 'hunter2', 'x': None}",
    "a form": "model=m&api_key=hunter2",
    "a form, encoded": "model=m&api%5Fkey=hunter2",
    "multipart": '--b\r\nContent-Disposition: form-data; name="api_key"\r\n\r\nhunter2\r\n--b--\r\n',
    "YAML": "model: m\napi_key: hunter2\n",
    "XML": "<a><apiKey>hunter2</apiKey></a>",
    "JSON in a text": json.dumps({"arguments": json.dumps({"api_key": PLANTED})}),
    "JSON in a text, broken": json.dumps({"arguments": json.dumps({"api_key": PLANTED})})[:-1] + ",}",
    "broken JSON in a text": json.dumps({"arguments": '{"api_key": "hunter2",}'}),
    "headers of an MCP server": '{"tools": [{"type": "mcp", "headers": {"X-Any": "hunter2"}}]}',
    "headers of a tool without a type": '{"tools": [{"server_url": "u", "headers": ["X-Any: hunter2"]}]}',
    "headers as a list": '{"tools": [{"type": "mcp", "headers": [{"name": "X", "value": "hunter2"}]}]}',
    "headers, broken": '{"tools": [{"headers": {"X-Any": "hunter2"}}],}',
    "a URL": '{"server_url": "https://u:hunter2@h/sse?session=hunter2#hunter2"}',
    "a pair": '{"env": [{"name": "MY_API_KEY", "value": "hunter2"}]}',
    "a pair, broken": '{"env": [{"name": "MY_API_KEY", "value": "hunter2"}],}',
    "a schema's default": '{"properties": {"password": {"type": "string", "default": "hunter2"}}}',
    "a schema's values": '{"properties": {"password": {"enum": ["hunter2"], "const": "hunter2"}}}',
    "no schema": '{"properties": {"password": "hunter2"}}',
    "no schema's member": '{"properties": {"password": {"value": "hunter2", "a": {"b": "hunter2"}}}}',
    "domain secrets": '{"domain_secrets": [{"domain": "d", "name": "n", "value": "hunter2"}]}',
    "over a WebSocket": '{"type": "response.create", "response": {"tools": [{"authorization": "hunter2"}]}}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_loses_its_credentials(body: str) -> None:
    masked = MASKER.body(body)
    assert PLANTED not in masked
    assert "4711001" not in masked
    assert WRITTEN.body(masked) == masked
    masked.encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_body_in_any_encoding_is_text(encoding: str) -> None:
    assert as_text('{"a": "ü"}'.encode(encoding)) == '{"a": "ü"}'
    assert as_text(b"\xff\xfe\xfa") != ""


KEPT = [
    '{ "model" : "m",\n "input":"hi" }', "not json", "", "[1, 2]", '{"n": 1e400, "m": 1.0}',
    '{"max_output_tokens": 100, "prompt_cache_key": "abc", "tokens": 5, "usage": {"input_tokens_details": {"a": 1}}}',
    '{"input": [{"logprobs": [{"token": "hi", "logprob": -1, "bytes": [104]}]}]}',
    '{"properties": {"password": {"type": "string", "description": "new", "minLength": 8}}, "required": ["password"]}',
    '{"tools": [{"type": "function", "name": "set_password", "parameters": {}}], "tool_choice": "auto"}',
    '{"input": "the password: it is a long story", "truncation": "auto", "metadata": {"key": "kept"}}',
]  # fmt: skip


@pytest.mark.parametrize("body", KEPT)
def test_a_body_without_credentials_stays_as_it_was_sent(body: str) -> None:
    assert MASKER.body(body) == body


def test_a_lone_surrogate_can_be_stored() -> None:
    masked = MASKER.body('{"api_key": "x", "input": "\\ud800"}')
    masked.encode()
    assert json.loads(masked)["input"] == "\ud800"


LOOKS = {
    "bearer token": ["Authorization: Bearer {abcdefghijkl0123}", "bearer {abc.def~0123456}"],
    "API key": [
        f"{{{SECRET}}}", "{sk-ant-api03-abcdefghijklmnop}", "{gsk_abcdefghijklmnop1234}", "{hf_abcdefghijklmnop1234}",
        "{ghp_abcdefghijklmnop1234}", "{github_pat_11ABCDEFG0abcdefghij}", "{glpat-abcdefghijklmnop1234}",
        "{xoxb-123456789012-abcdefghijkl}", "{nvapi-abcdefghijklmnop1234}", "{xai-abcdefghijklmnop1234}",
        "{SG.abcdefghijklmnop1234.abcdefghij}", "{sk_live_abcdefghijklmnop1234}", "{hvs.abcdefghijklmnop1234}",
        "{ATATT3xFfGF0abcdefghijklmnop}", "{shpat_0123456789abcdef0123}", "{dckr_pat_abcdefghijklmnop1234}",
        "{dapi0123456789abcdef0123456789abcdef}", "{GOCSPX-abcdefghijklmnop1234}", "{ya29.a0abcdefghijklmnop1234}",
        "{AIzaSyA-abcdefghijklmnopqrstuvwxyz01234}",
    ],
    "AWS access key": ["{AKIAABCDEFGHIJKLMNOP}", "{ASIAABCDEFGHIJKLMNOP}"],
    "JSON web token": [
        "{eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0abc.abcdefghijklm-_}", "%20{eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0abc.}",
        "{eyJhbGciOiJSU0EtT0FFUCJ9.abcdefghijk.abcdefghijk.abcdefghijk.abcdefghijk}",
    ],
    "private key": [
        "{-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\nabc=\\n-----END RSA PRIVATE KEY-----}\\n",
        "{-----BEGIN PRIVATE KEY-----\nMIIE\nabc=\n-----END PRIVATE KEY-----}\n",
    ],
    "password in a URL": ["https://me:{hunter2}@host/", "postgres://:{x}@db"],
    "token in a URL": ["https://host/blob?sv=1&sig={aBc%2Fdefgh}&x=1", "https://host/?X-Amz-Signature={abcdef0123}"],
    "named secret": [
        'api_key="{abcdefghijklmn0123}"', '{{\\"client_secret\\": \\"{abcdefghijklmn0123}\\"}}',
        "Authorization: Basic {dXNlcjpwYXNzd29yZDE=}", "PASSWORD={correct-horse-battery-7}",
        "AccountKey={abcdefghijklmnop0123456789+/abcdefghijkl==}",
    ],
    "Slack webhook": ["https://hooks.slack.com/services/{T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX}"],
}  # fmt: skip
"""Texts for each kind, with the secret in braces."""


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in LOOKS.items() for text in texts])
def test_each_kind_of_secret_is_found_at_its_place(kind: str, text: str) -> None:
    start, _, rest = text.replace("{{", "<").replace("}}", ">").partition("{")
    secret, _, end = rest.partition("}")
    [found] = find_secrets(start + secret + end)
    assert (found.kind, (start + secret + end)[found.start : found.end]) == (kind, secret)
    assert MASKER.text(start + secret + end) == start + MASKER.secret(secret) + end


@pytest.mark.parametrize(
    "text",
    [
        "Bearer authentication", "sk-learn-contrib-package", "the secret: unbelievable-but-true",
        "task-1234567890abcdefgh",
        '"input_tokens": 1234567890123456, "prompt_cache_key": "abcdefghijklmn0123"',
        "https://host:8080/a@b?x=1&api-version=1",
        "https://host/?key=", "token=short", "resp_0123456789abcdef0123456789abcdef", "msg_68a0123456789abcdef",
        "os.environ['OPENAI_API_KEY']", "-----BEGIN CERTIFICATE-----", "masked-0123456789abcdef",
        "Bearer masked-0123456789abcdef",
    ],
)  # fmt: skip
def test_what_only_sounds_like_a_secret_is_not_found(text: str) -> None:
    assert find_secrets(text) == []


TOGETHER = [
    text.replace("{{", "").replace("}}", "").replace("{", "").replace("}", "")
    for texts in LOOKS.values()
    for text in texts
]


@given(st.lists(st.sampled_from(TOGETHER) | st.text(max_size=8)))
def test_nothing_is_found_in_what_has_been_masked(pieces: list[str]) -> None:
    masked = MASKER.text("\n".join(pieces))
    assert find_secrets(masked) == []
    assert WRITTEN.text(masked) == masked


def test_the_user_s_own_patterns_are_secrets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "customer 4711-ACME and ticket T-1 ok"
    assert find_secrets(text) == []
    monkeypatch.setenv(OWN_PATTERNS, "\\d{4}-[A-Z]+\n\nticket (\\S+)\nx*")
    assert [text[found.start : found.end] for found in find_secrets(text)] == ["4711-ACME", "T-1"]
    assert "ACME" not in MASKER.body(json.dumps({"input": text}))
    assert "ACME" not in MASKER.url("https://h/4711-ACME/responses")
    monkeypatch.setenv(OWN_PATTERNS, "fine\n(")
    with pytest.raises(RecordingError, match=r"RESPONSES_TAP_SECRETS: invalid regular expression '\('"):
        find_secrets(text)


@pytest.mark.parametrize(
    "name", ["max_output_tokens", "tokenizer", "prompt_cache_key", "total_tokens", "model", "name"]
)
def test_names_that_only_sound_like_a_credential(name: str) -> None:
    assert not is_secret(name)


def test_no_harmless_name_means_a_credential() -> None:
    assert not is_harmless("x-stainless-token")
    assert not is_harmless("authorization")


def test_a_text_of_many_credentials_is_masked_as_one() -> None:
    assert is_mask(MASKER.body("token: a\n" * 10_001))
    assert MASKER.body("token: a\n" * 9).count("masked-") == 9
