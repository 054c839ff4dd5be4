"""Objects as programs print them: JSON, Python's repr (of models, too), and what node's console.log shows.

One tolerant reader for all three, because none of the parsers there are reads them: `ast.literal_eval` refuses
constructor calls and enums, JSON5 parsers refuse `[Object]`, `... 20 more items` and `'a' +`, and all of them refuse
a text that somebody has shortened. Strings are decoded by `ast` and `json`. Each character is looked at once: a
reader that fails says where to go on, which is never before the place it came to.
"""

import ast
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 100
"""Levels of nesting; events have about ten."""
_LONGEST_NUMBER = 300

_SPACE = re.compile(r"\s*+")
STRING = re.compile(r"""[bBuU]?(?:"(?:[^"\\\n]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+'|`(?:[^`\\\n]++|\\.)*+`)""")
QUOTE = re.compile(r"""[bBuU]?["'`]""")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z?")
_NUMBER = re.compile(r"[+-]?(?:\d[\d_]*+(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?n?")
_NAME = re.compile(r"[A-Za-z_$][\w$]*+(?:\.[A-Za-z_$][\w$]*+)*+")
_KEY = re.compile(r":?[A-Za-z_$][\w$]*+|\[[\w$. ()]{1,60}\]")
_ENUM = re.compile(r"<[\w.]+: (?=[^>\n]{0,200}>)")
_OPAQUE = re.compile(r"<[A-Za-z][\w.]*+ [^<>\n]{0,200}>|<null>")
_SIGIL = re.compile(r""":(?=["'a-z])|%(?=\{)""")
"""What stands before a symbol of Ruby, and before a map of Elixir."""
_HINT = re.compile(r"[A-Za-z_$][\w$.]{0,80}(?:\(\d+\))?\s++(?=[{\[])")
_SHOWN = re.compile(
    r"\[(?:Circular(?: \*\d+)?|Object \.\.\.|\w*Function\b[^\[\]\n]{0,80}|class [^\[\]\n]{0,80}|Getter/Setter"
    r"|[A-Z]\w*(?:: null prototype)?)\]"
)
"""What node shows instead of a value that is nested too deeply, or is none."""
_UNSHOWN = frozenset({"Object", "Array"})
"""What Safari's console shows instead of a value."""
_OPENINGS = {
    "php": re.compile(r"array (?=\()"),
    "go": re.compile(r"(?:map\[string\]|\[\])(?:interface ?\{\}|any)(?=\{)|interface ?\{\}(?=\()"),
    "swift": re.compile(r"\[:\]"),
    "ruby": re.compile(r"#<[A-Z][\w:]{1,100}(?= [a-z_]{1,40}[:=])"),
}
"""What stands before the members of an object, where a language prints it as no other does: PHP's var_export(), Go's
%#v (the elements of a slice stand in braces, too), an empty dictionary of Swift, an object that Ruby inspects."""
_DICTIONARY = re.compile(r"""\[\s*+"(?:[^"\\\n]++|\\.)*+"\s?:\s""")
"""How Swift prints a dictionary."""
_RUST = dict.fromkeys(("String", "Number", "Bool"), "rust")
_LENGTH = re.compile(r" ?\(\d+\)")
_HIDDEN = re.compile(r"\[\w+\]: ")
"""A property of an array, as `%o` shows its length."""
_CUT = re.compile(
    r"(?:\.{3,}|…)(?:\s?[(\[]?\+?\d+(?: more \w+| \w+ omitted)?[)\]]?)?(?![\w$])(?:\s*(?:\.{3,}|…))?"
    r"|[\[<(](?:!--\s?)?(?:\.{3,}|…|(?:snip|truncated|omitted|shortened|redacted|repeated|cut)\b|\+?\d{1,6} more\b)"
    r"[^\[\]<>()\n]{0,40}[\]>)]|⋮|\. \. \."
    r"|/\*[^*\n]{0,200}\*/|//[^\n]*+|\#[^\n]*+|\+\d+\b",
    re.IGNORECASE,
)
"""What people and programs put where they leave something out."""
_CUT_END = re.compile(r"""(?:\.{3,}|…|(?:snip|truncated|omitted)\W?)["'}\])>,\s]*$""", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = frozenset("\\'\"abfnrtvxuU01234567\n")
_WORDS = {
    **dict.fromkeys(("true", "True"), True),
    **dict.fromkeys(("false", "False"), False),
    **dict.fromkeys(("null", "None", "nil", "Null", "NULL", "NaN", "nan", "Infinity", "inf"), None),
}
_PYTHON = frozenset({"True", "False", "None"})


@dataclass(slots=True)
class Literal:
    """An object that was read, whole or as far as it goes."""

    value: Any = None
    end: int = 0
    """Where to go on reading."""
    whole: bool = False
    """Whether it was closed."""
    shortened: bool = False
    """Whether something was left out of it, or its end was cut off."""
    syntax: set[str] = field(default_factory=set)
    """What it showed of the language that printed it: `call`, `python`, `js`."""


class _Left:
    """Stands where a value was left out."""


_LEFT_OUT = _Left()


class _Broken(Exception):  # noqa: N818 - it names what the text is
    def __init__(self, end: int, *, cut: bool = False) -> None:
        super().__init__(end)
        self.end = end
        self.cut = cut
        self.value: Any = _LEFT_OUT
        """As much of the object as came before."""


def read(text: str, start: int) -> Literal:
    """The object, or constructor call, that begins at `start`."""
    reader = _Reader(text, start)
    found = reader.found
    try:
        value = reader.value(0)
        found.value = None if value is _LEFT_OUT else value
        found.whole = True
        found.end = reader.at
    except _Broken as broken:
        found.value = None if broken.value is _LEFT_OUT else broken.value
        found.end = max(broken.end, start + 1)
        found.shortened = found.shortened or broken.cut
    return found


def unquote(literal: str, errors: str = "replace") -> str | None:
    """The text of a string or bytes literal of Python, JSON or JavaScript; None where it is none."""
    opening = 1 if literal[0] in "\"'`" else 2
    quote, body = literal[opening - 1], literal[opening:-1]
    if "\\" not in body:
        return body
    with suppress(ValueError):
        if quote == '"' and opening == 1:
            return str(json.loads(literal, strict=False))
    if quote == "`":
        quote, body = '"', body.replace("\\`", "`").replace('"', '\\"')
    # Python warns of escapes that it does not know, and JavaScript has others.
    body = _ESCAPE.sub(lambda match: match[0] if match[1] in _ESCAPES else f"\\\\{match[1]}", body)
    try:
        value = ast.literal_eval(f"{literal[: opening - 1]}{quote}{body}{quote}")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return value.decode(errors=errors) if isinstance(value, bytes) else str(value)


@contextmanager
def _keeping(container: dict[str, Any] | list[Any], key: str = "") -> Iterator[None]:
    """Keep what came before a break: of the member `key`, or of an array's next element, as much as was read."""
    try:
        yield
    except _Broken as broken:
        if isinstance(container, list) and broken.value is not _LEFT_OUT:
            container.append(broken.value)
        elif isinstance(container, dict) and key and broken.value is not _LEFT_OUT:
            container[key] = broken.value
        broken.value = container
        raise


class _Reader:
    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self.at = start
        self.found = Literal()
        self._is_one_line = True
        self._is_cut_line = False

    def value(self, depth: int) -> Any:  # noqa: ANN401 (JSON)
        """The value that begins here."""
        self._space()
        if depth > DEEPEST:
            raise _Broken(self._line_end())
        for language, opening in _OPENINGS.items():
            if taken := self._take(opening):
                return self._of(language, taken, depth)
        if self._is_left_out():
            return _LEFT_OUT
        if self._take(_SIGIL):
            self.found.syntax.add("ruby")
        begins = self._text[self.at : self.at + 1]
        if begins == "{":
            return self._members("}", depth)
        if _DICTIONARY.match(self._text, self.at):
            return self._members("]", depth)
        if begins in ("[", "("):
            return self._elements("]" if begins == "[" else ")", depth)
        return self._string() if QUOTE.match(self._text, self.at) else self._scalar(depth)

    def _of(self, language: str, opening: str, depth: int) -> Any:  # noqa: ANN401 (JSON)
        """The rest of a value that begins as no other language prints one."""
        self.found.syntax.add(language)
        if language == "swift":
            return {}
        if language == "ruby":
            return self._members(">", depth)
        if language == "php":
            return _listed(self._members(")", depth))
        return self._elements("}", depth) if opening[0] == "[" else self.value(depth + 1)

    def _is_left_out(self) -> bool:
        """Pass over what stands for a value that is not shown."""
        shown = self._take(_SHOWN)
        if shown and self._text.startswith(" {", self.at):  # `[Object: null prototype] {`
            self._space()
            return False
        self.found.shortened = self.found.shortened or bool(shown)
        return bool(shown) or self._cut()

    def _scalar(self, depth: int) -> Any:  # noqa: ANN401 (JSON)
        if self._take(_ENUM):
            value = self.value(depth + 1)
            self._expect(">")
            return value
        if self._take(_HINT):  # a class's name before its object
            return self.value(depth + 1)
        if plain := self._take(_ISO) or self._take(_OPAQUE):
            return None if plain == "<null>" else plain
        if number := self._take(_NUMBER):
            return _number(number)
        name = self._take(_NAME)
        self.found.syntax |= {"rust"} & {_RUST.get(name, "")}
        return self._call(depth) if name and self._text.startswith("(", self.at) else self._word(name)

    def _word(self, name: str) -> Any:  # noqa: ANN401 (JSON)
        if name in _WORDS:
            self.found.syntax |= {"python"} if name in _PYTHON else set()
            return _WORDS[name]
        if name in _UNSHOWN:
            self.found.shortened = True
            self._take(_LENGTH)
            return _LEFT_OUT
        if name == "undefined" or name.isupper():  # TzInfo(UTC)
            return _LEFT_OUT
        raise _Broken(self.at)

    def _string(self) -> str | _Left:
        parts = []
        while True:
            literal = self._take(STRING)
            if not literal:
                end = self._line_end()
                raise _Broken(end, cut=True)
            text = unquote(literal)
            if text is None:
                raise _Broken(self.at)
            parts.append(text)
            after = self.at
            self._space()
            if self._text.startswith("+", self.at) and QUOTE.match(self._text, self._after_space(self.at + 1)):
                self.at = self._after_space(self.at + 1)
            elif not STRING.match(self._text, self.at) or self._is_key(self.at):
                self.at = after
                break
        if self._cut():  # `'abc'... 12 more characters`, `'abc'+12`
            return _LEFT_OUT
        text = "".join(parts)
        if len(text) > 12 and _CUT_END.search(text[-40:]) and text.rstrip()[-1:] in "]>)":  # noqa: PLR2004
            self.found.shortened = True
        return text

    def _is_key(self, at: int) -> bool:
        """Whether the string here is the next member's name, after a missing comma."""
        match = STRING.match(self._text, at)
        assert match is not None
        return self._text.startswith(":", self._after_space(match.end()))

    def _members(self, closer: str, depth: int) -> dict[str, Any]:
        """The members of an object, or the keyword arguments of a call."""
        members: dict[str, Any] = {}
        self.at += 1
        with _keeping(members):
            while not self._closes(closer):
                if self._cut():
                    continue
                key = self._key()
                with _keeping(members, key):
                    value = self.value(depth + 1)
                if value is not _LEFT_OUT:
                    members[key] = value
        return members

    def _key(self) -> str:
        """A member's name, and the sign behind it."""
        key = self._name()
        self._space()
        if not self._text.startswith((":", "="), self.at):
            raise _Broken(self.at, cut=bool(_CUT_END.search(key) or self._take(_CUT)))
        self.at += 2 if self._text.startswith("=>", self.at) else 1
        return key

    def _name(self) -> str:
        if QUOTE.match(self._text, self.at):
            quote = self._text[self.at]
            if literal := self._take(STRING):
                self.found.syntax |= {"python"} if quote == "'" else set()
                return unquote(literal) or ""
            raise _Broken(self._line_end(), cut=True)
        if key := self._take(_KEY):
            self.found.syntax.add("ruby" if key[0] == ":" else "js")
            return key.lstrip(":")
        if number := self._take(_NUMBER):
            return number
        raise _Broken(self.at)

    def _call(self, depth: int) -> Any:  # noqa: ANN401 (JSON)
        members: dict[str, Any] = {}
        values: list[Any] = []
        self.found.syntax.add("call")
        self.at += 1
        with _keeping(members):
            while not self._closes(")"):
                if self._cut():
                    continue
                key = self._keyword()
                with _keeping(members, key):
                    value = self.value(depth + 1)
                if key and value is not _LEFT_OUT:
                    members[key] = value
                elif not key:
                    values.append(value)
        if members or not values:
            return members
        return values[0] if len(values) == 1 else values

    def _keyword(self) -> str:
        name = _KEY.match(self._text, self.at)
        if name and self._text.startswith("=", name.end()):
            self.at = name.end() + 1
            return name.group()
        return ""

    def _elements(self, closer: str, depth: int) -> Any:  # noqa: ANN401 (JSON)
        elements: list[Any] = []
        self.at += 1
        while not self._closes(closer):
            hidden = self._take(_HIDDEN)
            with _keeping(elements):
                value = self.value(depth + 1)
            if hidden:
                continue
            if value is _LEFT_OUT:
                elements += [{}] if closer == "]" else []
            else:
                elements.append(value)
        # pprint puts a long string into brackets
        return elements[0] if closer == ")" and len(elements) == 1 else elements

    def _closes(self, closer: str) -> bool:
        """Pass over what stands between two members; whether the container ends here."""
        while True:
            self._space()
            if not self._text.startswith(",", self.at):
                break
            self.at += 1
        if self._text.startswith(closer, self.at):
            self.at += 1
            return True
        if self.at >= len(self._text):
            raise _Broken(self.at, cut=True)
        return False

    def _space(self) -> None:
        end = self._after_space(self.at)
        if "\n" in self._text[self.at : end]:
            if self._is_cut_line:  # shortening a line leaves its brackets unbalanced
                raise _Broken(self.at, cut=True)
            self._is_one_line = False
        self.at = end

    def _after_space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        assert match is not None
        return match.end()

    def _cut(self) -> bool:
        mark = self._take(_CUT)
        if mark:
            self.found.shortened = True
            self._is_cut_line = self._is_one_line and mark[0] not in "/#"
        return bool(mark)

    def _expect(self, what: str) -> None:
        if not self._text.startswith(what, self.at):
            raise _Broken(self.at)
        self.at += len(what)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match.group()

    def _line_end(self) -> int:
        end = self._text.find("\n", self.at)
        return len(self._text) if end < 0 else end


def _listed(members: dict[str, Any]) -> dict[str, Any] | list[Any]:
    """PHP's array as a list, where it is numbered."""
    return list(members.values()) if all(key.isdecimal() for key in members) else members


def _number(text: str) -> float | None:
    plain = text.rstrip("n").replace("_", "")
    if len(plain) > _LONGEST_NUMBER:
        return None
    if plain.lstrip("+-").isdigit():
        return int(plain)
    value = float(plain)
    return value if value - value == 0 else None
