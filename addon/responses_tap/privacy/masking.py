"""Removes credentials from a request before it is written, and again before a trace is exported.

Unknown means masked: of a request's headers and query, only the values of harmless names are kept. Of a response, only
the headers are touched.
"""

import re
import secrets
from collections.abc import Iterable
from urllib.parse import unquote, unquote_plus

from responses_tap.privacy.body_masking import MaskedDocument
from responses_tap.privacy.looks import find_secrets
from responses_tap.privacy.masks import is_mask, mask_of
from responses_tap.privacy.secret_names import is_harmless, is_secret, normalised
from responses_tap.urls import cut

KEY_BYTES = 32
_SCHEME = re.compile(r"(?i)(bearer|basic|digest|token)\s+(?=\S)")
_URL = re.compile(r"""[a-zA-Z][a-zA-Z0-9+.-]{0,20}://[^\s<>"'\\]+""")


class Masker:
    """Masks with the key given, of KEY_BYTES, or with one of its own.

    `keep` has further names of request headers and query parameters whose values are harmless. In what is `written`
    already, such as a recording's row, masks are left alone; a client's value that merely looks like one is masked like
    any other.
    """

    def __init__(self, key: bytes | None = None, keep: Iterable[str] = (), *, written: bool = False) -> None:
        self._key = key or secrets.token_bytes(KEY_BYTES)
        self._keep = frozenset(map(normalised, keep))
        self._written = written

    def secret(self, value: str) -> str:
        """The mask of a credential, after its scheme (`Bearer`); blank text stays."""
        scheme = _SCHEME.match(value)
        start = scheme.end() if scheme else 0
        if not value.strip() or self.keeps(value[start:]):
            return value
        return value[:start] + mask_of(value[start:], self._key)

    def keeps(self, value: str) -> bool:
        """Whether the value is a mask, to be left alone."""
        return self._written and is_mask(value)

    def text(self, text: str) -> str:
        """The text with everything that looks like a credential masked."""
        parts: list[str] = []
        at = 0
        for found in find_secrets(text, masks=not self._written):
            parts += (text[at : found.start], self.secret(text[found.start : found.end]))
            at = found.end
        return "".join((*parts, text[at:]))

    def request_headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """The headers of a request, or of a handshake."""
        return [(name, self._request_value(name, value)) for name, value in headers]

    def response_headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """The headers of a response: they say which backend answered, so unknown ones stay."""
        return [(name, self._response_value(name, value)) for name, value in headers]

    def url(self, url: str) -> str:
        """The URL, masked: user information, fragment and unknown parameters; in its path, what looks like a secret."""
        parts = cut(url)
        path = "/".join(map(self._segment, parts.path.split("/"))) if self._is_suspect(parts.path) else parts.path
        query = "" if parts.query is None else f"?{self.query(parts.query)}"
        fragment = "" if parts.fragment is None else f"#{self.secret(parts.fragment)}"
        user = parts.user and f"{self.secret(parts.user)}@"
        return f"{parts.scheme}{user}{self.text(parts.host)}{path}{query}{fragment}"

    def query(self, query: str) -> str:
        """A query, or a form encoded like one: all but harmless values masked."""
        looks = self._is_suspect(query)
        return "".join(self._parameter(pair, looks=looks) for pair in re.split("([&;?])", query))

    def urls(self, text: str) -> str:
        """The text with every URL in it masked."""
        return _URL.sub(lambda found: self.url(found.group()), text)

    def body(self, body: str) -> str:
        """A request body, or a message to the server."""
        return MaskedDocument(self).of(body)

    def _request_value(self, name: str, value: str) -> str:
        if is_harmless(name, self._keep):
            return self.text(value)
        return self.secret(value)

    def _response_value(self, name: str, value: str) -> str:
        if not is_harmless(name) and is_secret(name):
            return self.secret(value)
        return self.urls(self.text(value))

    def _is_suspect(self, text: str) -> bool:
        """Whether a part of a URL may contain a credential: a quick test before looking at each piece."""
        plain = unquote_plus(text)
        if ";" in text or "@" in text or find_secrets(text, masks=not self._written):
            return True
        return plain != text and bool(find_secrets(plain, masks=not self._written))

    def _parameter(self, pair: str, *, looks: bool = True) -> str:
        """A parameter, masked; where nothing `looks` like a credential, only its name counts."""
        name, equals, value = pair.partition("=")
        plain = unquote_plus(name)
        if not equals:
            return pair if pair in "&;?" or is_harmless(plain, self._keep) else self.secret(pair)
        if not looks:
            return pair if is_harmless(plain, self._keep) else f"{name}={self.secret(unquote_plus(value))}"
        shown = unquote_plus(value)
        masked = self._request_value(plain, shown)
        return f"{self.text(name)}={value if masked == shown else masked}"

    def _segment(self, segment: str) -> str:
        segment, *parameters = segment.split(";")
        return ";".join((self._plain_segment(segment), *map(self._parameter, parameters)))

    def _plain_segment(self, segment: str) -> str:
        user, at, host = segment.rpartition("@")
        if at and ":" in user:  # the start of a URL within a path
            return f"{self.secret(user)}@{host}"
        # A percent-encoded key is as usable as a plain one.
        plain = unquote(segment)
        if plain != segment and find_secrets(plain, masks=not self._written):
            return self.secret(segment)
        return self.text(segment)
