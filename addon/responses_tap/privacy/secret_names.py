"""Which names mean a credential, and which something harmless: the tables, and how names are compared.

A request's headers and query parameters are kept only under a harmless name, so that next year's header is masked
before anyone has heard of it (`is_harmless`). Everything else, such as the members of a body and a response's headers,
is kept unless its name means a credential (`is_secret`).
"""

import re
import unicodedata
from functools import lru_cache

_HARMLESS = frozenset(
    (
        # HTTP (RFC 9110 to 9112), fetch, WebSocket; not `sec-websocket-protocol`, in which browsers send API keys
        "accept", "age", "allow", "alt-svc", "cache-control", "connection", "content-encoding", "content-language",
        "content-length", "content-type", "date", "dnt", "expect", "expires", "host", "keep-alive", "last-modified",
        "pragma", "priority", "retry-after", "sec-websocket-extensions", "sec-websocket-version", "server",
        "strict-transport-security", "te", "trailer", "transfer-encoding", "upgrade", "upgrade-insecure-requests",
        "user-agent", "vary", "via", "x-accel-buffering", "x-content-type-options",
        # tracing
        "apim-request-id", "cf-cache-status", "cf-ray", "request-id", "traceparent", "x-client-request-id",
        "x-correlation-id", "x-envoy-upstream-service-time", "x-ms-client-request-id", "x-ms-region",
        "x-ms-request-id", "x-request-id", "x-trace-id",
        # APIs and their clients; the ids of sessions and threads are those of Codex and other agents
        "anthropic-beta", "anthropic-version", "conversation-id", "openai-beta", "openai-model",
        "openai-processing-ms", "openai-version", "originator", "ratelimit", "session-id", "thread-id", "version",
        "x-client-version", "x-codex-beta-features", "x-openai-subagent", "x-session-id", "x-should-retry",
        "x-thread-id", "x-title",
        # our own `probe`, which marks its requests with the names of their scenarios and steps
        "x-responses-tap-probe",
        # parameters of a query
        "after", "alt", "api-version", "before", "beta", "include", "include-obfuscation", "include[]", "limit",
        "model", "order", "starting-after", "stream",
    )
)  # fmt: skip
"""Names of headers and query parameters whose values may be kept, in lower case and with `-` for `_`."""
_HARMLESS_LEADS = (
    "accept-", "access-control-", "ratelimit-", "sec-ch-ua", "sec-fetch-", "x-ratelimit-", "x-stainless-",
)  # fmt: skip
"""…and prefixes of further ones, unless the rest of the name means a credential."""

_SECRET_WORDS = frozenset(
    (
        "auth", "authentication", "authz", "cred", "creds", "csrf", "hmac", "jwe", "jws", "jwt", "mfa", "mnemonic",
        "netrc", "oauth", "otp", "pass", "passcode", "passkey", "pat", "pgpass", "pin", "pw", "pwd", "sas", "sig",
        "signature", "totp", "userpass", "xsrf",
    )
)  # fmt: skip
"""A name with one of these words means a credential."""
_SECRET_STEMS = (
    "apikey", "authorization", "bearer", "connectionstring", "connstr", "cookie", "credential", "passphrase",
    "passwd", "password", "secret", "seedphrase", "token",
)  # fmt: skip
"""…and so does one that contains one of these once its words are joined."""
_KEY_OWNERS = (
    "access", "account", "admin", "api", "app", "application", "auth", "client", "consumer", "decryption", "deploy",
    "encryption", "function", "functions", "gpg", "hmac", "host", "license", "master", "pgp", "private", "root", "rsa",
    "service", "session", "shared", "signing", "ssh", "storage", "subscription", "tenant", "user", "webhook",
    # whose it is
    "anthropic", "aws", "azure", "bot", "brave", "cohere", "deepseek", "exa", "gcp", "gemini", "github", "gitlab",
    "google", "groq", "hf", "huggingface", "mistral", "openai", "openrouter", "perplexity", "pinecone", "sendgrid",
    "serp", "serpapi", "slack", "stripe", "tavily", "together", "twilio", "xai",
)  # fmt: skip
"""…or one of these before `key`."""
_HARMLESS_PHRASES = (
    # tokens that are counted, the tokens of a text
    r"(?:accepted|audio|bos|budget|cached|completion|context|count|creation|eos|image|input|limit|max|maximum)tokens",
    r"(?:min|new|num|output|pad|prediction|prompt|read|reasoning|rejected|remaining|reset|special|stop)tokens",
    r"(?:text|thinking|total|used)tokens",
    r"tokens?(?:budget|budgets|count|counts|details|endpoint|limit|limits|perminute|persecond|type|types|usage|used)",
    r"(?:bos|eos|pad|unk)token", r"(?:de)?tokeni[sz]\w*",
    # keys of caches and of the like
    r"(?:prompt)?cachekey", "idempotencykey",
)  # fmt: skip
"""What sounds like a credential but isn't one (`max_output_tokens`, `tokenizer`), its words joined: removed before a
name is examined."""
_ACCOUNTS = frozenset(("chatgpt-account-id", "openai-organization", "openai-project"))
"""Headers that say who pays: masked like credentials, in responses too."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET = re.compile(rf"{'|'.join(_SECRET_STEMS)}|(?:{'|'.join(_KEY_OWNERS)})key")
_PHRASES = re.compile("|".join(_HARMLESS_PHRASES))


def normalised(name: str) -> str:
    """The name of a header or query parameter as the tables spell it."""
    return name.strip().lower().replace("_", "-")


def is_harmless(name: str, kept: frozenset[str] = frozenset()) -> bool:
    """Whether the value of a request's header or query parameter may be kept; `kept` are further `normalised` names."""
    plain = normalised(name)
    return (
        plain in _HARMLESS
        or plain in kept
        or (plain.startswith(_HARMLESS_LEADS) and not is_secret(plain) and not plain.endswith("key"))
    )


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Whether a member, a form's field or a response's header with this name is a credential.

    Names are compared by their words: `apiKey`, `API_KEY`, `x-api-key` and `api.key2` are the same.
    """
    words = [word.lower() for word in _WORDS.findall(unicodedata.normalize("NFKC", name))]
    return (
        not _SECRET_WORDS.isdisjoint(words)
        or _SECRET.search(_PHRASES.sub(" ", "".join(words))) is not None
        or normalised(name) in _ACCOUNTS
    )


@lru_cache(4096)
def holds_headers(name: str) -> bool:
    """Whether a member of this name holds headers that are sent to a third party, such as an MCP server."""
    return "".join(_WORDS.findall(name)).lower().endswith("headers")
