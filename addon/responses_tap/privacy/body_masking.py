"""Masks the credentials in a request body, whatever its format.

A single clean JSON document is masked as a tree: members by name, strings by look, known places entirely. Clean means
that no parser could read it differently: it is complete, no object repeats a name, and it isn't nested too deeply.
Anything else (truncated, repaired by hand, several documents, a form) is masked by fragments.py, which relies on no
syntax and so cannot be misled by one.
"""

import json
import math
import re
from typing import TYPE_CHECKING, Any

from responses_tap.privacy.fragments import mask_fragments
from responses_tap.privacy.secret_names import holds_headers, is_secret

if TYPE_CHECKING:
    from responses_tap.privacy.masking import Masker

_SCHEMAS = frozenset(("properties", "$defs", "definitions", "patternProperties"))
"""Members whose own members are named by the user and hold a JSON Schema."""
_SCHEMA_TEXTS = frozenset(("format", "description", "title", "pattern", "$ref", "$comment", "contentEncoding"))
"""The keywords of a schema whose value is prose or a name, not data."""
_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))
_JSON = re.compile(r"""\s*(?:\{|\[\s*[\[{"])""")
"""How JSON begins, as opposed to `[1] as in …`."""
_LABELS = frozenset(("name", "key", "header"))
"""Members that name the `value` next to them."""
_URL = re.compile(r"\s*[a-zA-Z][a-zA-Z0-9+.-]{0,20}://\S+\s*")
_INNER = re.compile(r"[{\[]\s*\\*[\"'{\[]")
"""Where an object or array may begin inside a longer text."""
_PAIR = 2
_RARE = 20
"""UTF-16 has at least one NUL in this many bytes: each of JSON's punctuation characters brings one."""
_COUNTED = "tokens"
"""An integer whose name ends with this is a count."""


def as_text(body: bytes) -> str:
    """A body as text: UTF-8 with or without a byte order mark, UTF-16 or UTF-32, detected as in RFC 4627, section 3."""
    encoding = json.detect_encoding(body)
    if not encoding.startswith("utf-8") and body.count(0) * _RARE < len(body):
        encoding = "utf-8"  # with a NUL or two at the start
    return body.decode(encoding, errors="replace")


class MaskedDocument:
    """Masks JSON documents with a masker."""

    def __init__(self, masker: "Masker") -> None:
        self._masker = masker

    def of(self, text: str) -> str:
        """The text of a document, masked.

        Where the strict parse found nothing to mask, the text is returned unchanged: it can be read in no other way.
        """
        try:
            document = json.loads(
                text, object_pairs_hook=_object, parse_float=_finite_float, parse_constant=_refuse_constant
            )
            masked = self._tree(document)
        except (ValueError, RecursionError):
            return mask_fragments(text, self._masker)
        return text if masked == document else _written(masked)

    def _tree(self, value: Any) -> Any:  # noqa: ANN401 (JSON)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            if len(value) == _PAIR and isinstance(value[0], str) and is_secret(value[0]):
                return [value[0], self._whole(value[1])]
            return [self._tree(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        # A token with a log probability is model output, not a credential.
        plain = {"token"} if "logprob" in value else set()
        if any(k.lower() in _LABELS and isinstance(v, str) and is_secret(v) for k, v in value.items()):
            return {
                self._text(k): self._whole(v) if k.lower() == "value" else self._member(k, v) for k, v in value.items()
            }
        return {self._text(k): v if k in plain and isinstance(v, str) else self._member(k, v) for k, v in value.items()}

    def _member(self, name: str, value: Any) -> Any:  # noqa: ANN401 (JSON)
        if name == "domain_secrets" and isinstance(value, list):  # in a container's network policy
            return [self._domain_secret(entry) for entry in value]
        if name in _SCHEMAS and isinstance(value, dict):
            return {self._text(key): self._property(key, entry) for key, entry in value.items()}
        if holds_headers(name):
            return self._whole(value)
        if is_secret(name) and not (isinstance(value, int) and name.lower().endswith(_COUNTED)):
            return self._whole(value)
        return self._tree(value)

    def _domain_secret(self, entry: Any) -> Any:  # noqa: ANN401 (JSON)
        if not isinstance(entry, dict):
            return self._whole(entry)
        return {key: self._tree(v) if key in ("domain", "name") else self._whole(v) for key, v in entry.items()}

    def _property(self, name: str, schema: Any) -> Any:  # noqa: ANN401 (JSON)
        """The schema of a property; of one named like a credential, only the structure stays."""
        if not is_secret(name) and not holds_headers(name):
            return self._tree(schema)
        if not isinstance(schema, dict):
            return self._whole(schema)
        return {self._text(key): self._keyword(key, entry) for key, entry in schema.items()}

    def _keyword(self, name: str, value: Any) -> Any:  # noqa: ANN401 (JSON)
        if name == "type":
            types = value if isinstance(value, list) else [value]
            return value if all(type_ in _TYPES for type_ in types if isinstance(type_, str)) else self._whole(value)
        if name in _SCHEMA_TEXTS:
            return self._tree(value)
        if isinstance(value, dict):
            return {self._text(key): self._keyword(key, entry) for key, entry in value.items()}
        if isinstance(value, list) and not all(isinstance(entry, str) for entry in value):
            return [self._keyword("", entry) for entry in value]
        return value if isinstance(value, int | float) and name not in ("default", "const") else self._whole(value)

    def _text(self, text: str) -> str:
        # The arguments and results of tools are JSON in a string, sometimes with text around it.
        if _JSON.match(text):
            return self.of(text)
        if _URL.fullmatch(text):
            return self._masker.url(text)
        if begin := _INNER.search(text):
            end = max(text.rfind("}"), text.rfind("]")) + 1
            if end > begin.start():
                before, inner, after = text[: begin.start()], text[begin.start() : end], text[end:]
                return f"{self._masker.text(before)}{mask_fragments(inner, self._masker)}{self._masker.text(after)}"
        return self._masker.text(text)

    def _whole(self, value: Any) -> Any:  # noqa: ANN401 (JSON)
        if isinstance(value, dict):
            return {self._text(name): self._whole(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [self._whole(entry) for entry in value]
        return value if value is None or isinstance(value, bool) else self._masker.secret(str(value))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _finite_float(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(f"{literal} isn't a finite float")
    return number


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _written(document: Any) -> str:  # noqa: ANN401 (JSON)
    text = json.dumps(document, ensure_ascii=False)
    # A lone surrogate, which JSON can escape but UTF-8 cannot encode.
    return text if text.isascii() or text.encode(errors="ignore").decode() == text else json.dumps(document)
