"""Finds rules by the text of their pages, which name known issues, and by clients' error messages."""

import re

from responses_tap.protocol.rules import RULES, Rule

_ERRORS = {
    "LC101": "Expected to have received `response.created` before",
    "LC103": "Didn't receive a `response.completed` event; stream disconnected before completion",
    "NS201": "Received a content event for output index 0 before receiving its output item",
    "MD306": "Cannot complete response with unfinished output items",
    "ID502": "Completed output item identity changed",
    "ID504": "Completed response output identity changed",
}
"""What openai-python 3.57.0 (lib/streaming/responses/_responses.py) and Codex say where a stream breaks a rule."""
_WORD = re.compile(r"[^\W_]+")


def named(wanted: str) -> list[str]:
    """The codes of the rules that a user means by a code, the beginning of codes, a name, or words of their pages."""
    code = wanted.upper()
    if code in RULES:
        return [code]
    by_name = [rule.code for rule in RULES.values() if rule.name == wanted.lower()]
    by_prefix = [known for known in RULES if code and known.startswith(code)]
    return by_name or by_prefix or matching(wanted)


def matching(wanted: str) -> list[str]:
    """The codes of the rules whose pages have these words in sequence; if none has, all of them anywhere."""
    words = _WORD.findall(wanted.casefold())
    if not words:
        return []
    pages = {code: f" {' '.join(_WORD.findall(_page(rule)))} " for code, rule in RULES.items()}
    phrase = " ".join(words)
    exact = [code for code, page in pages.items() if phrase in page]
    return exact or [code for code, page in pages.items() if all(f" {word}" in page for word in words)]


def _page(rule: type[Rule]) -> str:
    return " ".join([rule.code, rule.name, *rule.page(), _ERRORS.get(rule.code, "")]).casefold()
