"""The sequences on a rule's page, which are written in a notation of our own, as lists of event names.

`item+0{message}` becomes `response.output_item.added  output[0] {message}`. What isn't notation stays as it is.
"""

import re
from collections.abc import Iterator
from textwrap import dedent

from responses_tap.stream.timeline import depth_of

_OPENING, _CLOSING = "([{<", ")]}>"
_SCOPES = {"item": "output_item", "part": "content_part", "sp": "reasoning_summary_part"}
_VALUES = {
    "text": "output_text",
    "rt": "reasoning_text",
    "refusal": "refusal",
    "st": "reasoning_summary_text",
    "args": "function_call_arguments",
}
_ENDS = {"+": "added", "-": "done", "~": "delta", "=": "done"}
_EVENT = re.compile(
    r"(?P<scope>item|part|sp)(?P<way>[+-])(?P<place>[\d.]*)"
    r"|(?P<value>text|rt|refusal|st|args)(?P<end>[~=])(?P<at>[\d.]*)"
    r"|annotation\+(?P<annotation>\d+)"
    r"|ws\.(?P<search>\w+)"
    r"|(?P<named>created|in_progress|completed|failed|incomplete|(?:web_search_call|reasoning_part|content_part)\.\w+)"
    r"(?![\w.])"
    r"|(?P<error>error)(?=[{]|$)"
)
_ITEMS = re.compile(r"<out=(\d+)(.*)>")
_RESPONSE = re.compile(r"<([a-z])>")
_ITEM = re.compile(r"\(([a-z])\)")
_TYPE = re.compile(r"\[(\w+)\]")
_END = "EOF"


def event_list(sequence: str) -> list[str]:
    """The events of a sequence, one a line, indented by their scope; anything else as the line that it is."""
    elements = list(_elements(sequence))
    if not any(map(_EVENT.match, elements)):
        return [sequence]
    return dedent("\n".join(map(_line, elements))).split("\n")


def _elements(sequence: str) -> Iterator[str]:
    """The text between the commas outside any brackets and quotes."""
    depth, quote, start = 0, "", 0
    for at, char in enumerate(sequence):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPENING:
            depth += 1
        elif char in _CLOSING:
            depth -= 1
        elif char == "," and not depth:
            yield sequence[start:at].strip()
            start = at + 1
    yield sequence[start:].strip()


def _line(element: str) -> str:
    match = _EVENT.match(element)
    if match is None:
        return "end of the stream" if element == _END else element
    type_, place = _named(match)
    words = " ".join(filter(None, (place, _details(element[match.end() :]))))
    return f"{'  ' * depth_of(type_)}{type_}{f'  {words}' if words else ''}"


def _named(match: re.Match[str]) -> tuple[str, str]:
    """The type and the place of an event."""
    if match["scope"]:
        list_ = "summary" if match["scope"] == "sp" else "content"
        return f"response.{_SCOPES[match['scope']]}.{_ENDS[match['way']]}", _place(match["place"], list_)
    if match["value"]:
        list_ = "summary" if match["value"] == "st" else "content"
        return f"response.{_VALUES[match['value']]}.{_ENDS[match['end']]}", _place(match["at"], list_)
    if match["annotation"]:
        return "response.output_text.annotation.added", f"annotation {match['annotation']}"
    if match["search"]:
        return f"response.web_search_call.{match['search']}", ""
    return match["error"] or f"response.{match['named']}", ""


def _place(indexes: str, list_: str) -> str:
    item, dot, part = indexes.partition(".")
    return f"output[{item}]{f'.{list_}[{part}]' if dot else ''}" if item else ""


def _details(text: str) -> str:
    text = _ITEMS.sub(lambda m: f"{{output: {m[1]} item{'' if m[1] == '1' else 's'}{m[2]}}}", text)
    text = _RESPONSE.sub(r"{response \1}", text)
    text = _ITEM.sub(r"{item_id: \1}", text)
    text = _TYPE.sub(r"\1 ", text)
    text = re.sub(r"<(.*)>", r"{\1}", text).replace("=", ": ")
    return text.replace("out:", "output:").strip()
