"""Whatever becomes of a document with credentials in it, none is in its masked text; and masking ends."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.planted_credentials import BROKEN_DOCUMENTS, CLEAN_DOCUMENTS

from responses_tap.privacy.body_masking import as_text
from responses_tap.privacy.masking import Masker

KEY = b"the key of one run, 32 bytes long"
MASKER = Masker(KEY)
WRITTEN = Masker(KEY, written=True)
CANARY = "Canary7Qz"
SECRET_NAMES = (
    "api_key", "apiKey", "API-KEY", "x.api.key", "password", "dbPassword", "client-secret", "accessToken", "token",
    "authorization", "credentials", "cookie", "private_key", "connectionString", "signingKey", "sessionToken",
)  # fmt: skip
HARMLESS_NAMES = (
    "max_output_tokens", "input_tokens", "prompt_cache_key", "tokenizer", "model", "input", "tools", "name", "x",
    "total_tokens", "safety_identifier", "token_count",
)  # fmt: skip

_PLAIN = (
    st.integers(-(2**53), 2**53) | st.booleans() | st.none() | st.sampled_from(["", "é", "plain words", "\U0001f600"])
)
_SECRET = st.just(CANARY) | st.lists(st.just(CANARY), max_size=2) | st.fixed_dictionaries({"v": st.just(CANARY)})


def _members(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    harmless = st.tuples(st.sampled_from(HARMLESS_NAMES), inner)
    secret = st.tuples(st.sampled_from(SECRET_NAMES), _SECRET)
    return st.lists(harmless | secret, max_size=5).map(dict)


_DOCUMENTS = _members(st.recursive(_PLAIN, lambda inner: st.lists(inner, max_size=3) | _members(inner), max_leaves=12))
_HARMLESS = st.dictionaries(
    st.sampled_from(HARMLESS_NAMES),
    st.recursive(_PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=6),
)


def _cut(text: str, at: float) -> str:
    return text[: int(len(text) * at)]


_WAYS = (
    lambda text, _: text,
    _cut,
    lambda text, _: "\ufeff" + text,
    lambda text, _: text.replace("}", ",}"),
    lambda text, _: text + "\n" + text,
    lambda text, _: text.replace('"', "'"),
    lambda text, _: json.dumps({"arguments": text}),
    lambda text, _: json.dumps({"arguments": text})[:-1] + ",}",
    lambda text, _: "[" * 2000 + text,
    lambda text, _: f"data: {text}\n\n",
    lambda text, _: text.replace('": ', '"\n:\t'),
    lambda text, _: '{"a": NaN, ' + text[1:],
    lambda text, _: f"// words\n{text}",
    lambda text, _: text.replace(": ", ":\0 "),
)


@settings(max_examples=300, deadline=None)
@given(_DOCUMENTS, st.sampled_from(_WAYS), st.floats(0, 1), st.sampled_from(["utf-8", "utf-16", "utf-32", "utf-8-sig"]))
def test_no_credential_of_a_document_survives_what_becomes_of_it(
    document: dict[str, Any], way: Any, at: float, encoding: str
) -> None:
    body = way(json.dumps(document), at).encode(encoding)
    masked = MASKER.body(as_text(body))
    # Cut within it, the beginning of a canary is what is left of it.
    assert CANARY not in masked
    assert WRITTEN.body(masked) == masked


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CLEAN_DOCUMENTS + BROKEN_DOCUMENTS), st.text(max_size=12), st.text(max_size=12))
def test_no_form_of_a_document_leaks_among_other_text(form: str, before: str, after: str) -> None:
    """The text around may be anything that cannot be a part of the form: it stands in lines of its own."""
    lines = [before.translate(_QUOTES), form.replace("CANARY", CANARY), after.translate(_QUOTES)]
    assert CANARY not in MASKER.body("\n".join(lines))


_QUOTES = dict.fromkeys(map(ord, "\"'`“”‘’\\<>|"))


@settings(max_examples=200, deadline=None)
@given(_HARMLESS)
def test_harmless_members_stay(document: dict[str, Any]) -> None:
    assert json.loads(MASKER.body(json.dumps(document))) == document


@settings(max_examples=200, deadline=None)
@given(st.text() | st.sampled_from(CLEAN_DOCUMENTS + BROKEN_DOCUMENTS))
def test_what_is_masked_stays_as_it_is(text: str) -> None:
    masked = WRITTEN.body(text)
    assert WRITTEN.body(masked) == masked
