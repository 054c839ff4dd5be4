"""Escapes text from outside for its destination: one function for each kind of place.

Everything that people read (terminal, HTML, XML, Markdown, GitHub's log) is made `printable` first. What programs read
(shell, Python, HTTP) keeps its exact value.
"""

import html as _html
import json
import re
import shlex
from math import isfinite

SHORT = 60
"""Characters of a text shown in a row."""
_UNSAFE = re.compile(
    # Controls, line and paragraph separators, zero-width and bidirectional marks, surrogates, private use.
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\uf8ff\ufeff\ufff9-\ufffb"
    # Noncharacters, some of which XML cannot contain, and the private and unassigned planes.
    "\ufdd0-\ufdef\ufffe\uffff\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0003fffe-\U0010ffff"
    # Terminals disagree about the width of these, or don't draw them: joiners and fillers, halves of Hangul
    # syllables, enclosing marks, variation selectors, halves of flags, skin tones.
    "\u034f\u115f-\u11ff\u17b4\u17b5\u180b-\u180f\u20dd-\u20e4\u3164\ud7b0-\ud7ff\ufe00-\ufe0f\uffa0"
    "\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]"
)
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Surrogates that don't stand for a byte, as those of `surrogateescape`, U+DC80 to U+DCFF, do."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NO_FIELD = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_STYLE = re.compile("(\x1b\\[(?:[0-2]|3[0-7])m)")
"""The escape sequences of our own coloured, bold or dim lines."""


def printable(text: str) -> str:
    """`text` with everything escaped that could fool a terminal or a reader."""
    if text.isascii() and text.isprintable():  # most are, and that is known ten times sooner
        return text
    return _UNSAFE.sub(lambda match: match.group().encode("unicode_escape").decode(), text)


def shorten(text: str, most: int = SHORT) -> str:
    """At most `most` characters of a text, made printable."""
    return printable(text if len(text) <= most else text[: most - 1] + "…")


def terminal_line(line: str) -> str:
    """A line that may already be coloured, safe to print: the only escape sequences left are colours."""
    if "\x1b" not in line:
        return printable(line)
    return "".join(part if _STYLE.fullmatch(part) else printable(part) for part in _STYLE.split(line))


def json_document(text: str) -> str:
    """A JSON document with everything escaped that could fool a terminal; its values stay the same."""
    return _UNSAFE.sub(lambda match: "\n" if match[0] == "\n" else json.dumps(match[0])[1:-1], text)


def dumps(value: object) -> str:
    """JSON as every command prints it: indented, readable text, one line end."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=2, ensure_ascii=False)
    return json_document(text) + "\n"


def _finite(value: object) -> object:
    """The value with null for each number that JSON doesn't have."""
    if isinstance(value, dict):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def html(value: object) -> str:
    """A value as text of an HTML element or of a quoted attribute."""
    return _html.escape(printable(str(value)))


def xml(value: object) -> str:
    """A value as text that XML 1.0 can contain; the document's writer escapes the markup."""
    return printable(str(value))


def code_span(value: object) -> str:
    """A value as inline code in Markdown: no markup in it is active, nor, on GitHub, any mention, reference or link.

    Backslashes don't achieve that: GitHub looks for mentions and references after it has removed the markup.
    """
    text = printable(str(value))
    if not text:
        return ""
    ticks = "`" * (_longest_run(text) + 1)
    # A renderer strips one blank from either side, unless there is nothing else.
    is_padded = "`" in (text[0], text[-1]) or (text[0] == text[-1] == " " and text.strip(" "))
    blank = " " if is_padded else ""
    return f"{ticks}{blank}{text}{blank}{ticks}"


def code_block(language: str, text: str) -> str:
    """Lines as a fenced block of Markdown, with a final line end; each line is made printable."""
    lines = "\n".join(map(printable, text.split("\n")))
    fence = "`" * max(3, _longest_run(lines) + 1)
    return f"{fence}{language}\n{lines}\n{fence}\n"


def _longest_run(text: str) -> int:
    """The length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)


def workflow_data(value: object) -> str:
    """A value as the message of a GitHub workflow command.

    The runner also executes `##[command]` in the middle of a line.
    """
    return printable(str(value)).replace("##[", r"##\x5b").replace("%", "%25")


def workflow_property(value: object) -> str:
    """A value as a property of a GitHub workflow command."""
    return workflow_data(value).replace(":", "%3A").replace(",", "%2C")


def python_literal(text: str) -> str:
    """The literal of a string, on one line."""
    return printable(repr(text))


def shell_word(text: str) -> str:
    """One word of a POSIX shell, exact, in visible characters and line ends; ValueError for a NUL."""
    if "\0" in text:
        raise ValueError("no word of a shell can hold a NUL")
    if _is_visible(text):
        return shlex.quote(text)
    # A command substitution strips line ends.
    inner = text.rstrip("\n")
    return f'"$(printf %b {_percent_b(inner)})"{shlex.quote(text[len(inner) :]) if inner != text else ""}'


def shell_printed(text: str) -> tuple[str, str]:
    """A conversion and a word that make the shell's `printf` write `text`, whatever is in it, even a NUL."""
    return ("%s", shlex.quote(text)) if _is_visible(text) else ("%b", _percent_b(text))


def _is_visible(text: str) -> bool:
    return not _UNSAFE.search(text.replace("\n", ""))


def _percent_b(text: str) -> str:
    """A word that `printf %b` turns into `text`."""
    return shlex.quote(_UNSAFE.sub(_octal, text.replace("\\", "\\\\")))


def _octal(match: re.Match[str]) -> str:
    return "".join(f"\\0{byte:03o}" for byte in _bytes(match[0]))


def _bytes(text: str) -> bytes:
    return encodable(text).encode(errors="surrogateescape")


def encodable(text: str) -> str:
    """`text` as UTF-8 with `surrogateescape` can encode it: U+FFFD for other lone surrogates, possible in JSON."""
    return _NO_BYTE.sub("\ufffd", text)


def is_token(text: str) -> bool:
    """Whether `text` can be a method or the name of a header (RFC 9110, section 5.6.2)."""
    return _TOKEN.fullmatch(text) is not None


def header_value(text: str) -> str:
    """The value of an HTTP header, to be encoded as Latin-1, as `http.client` and `http.server` do.

    The bytes are those of the text in UTF-8 (and others kept by `surrogateescape`). As in RFC 9110, section 5.5, each
    control character but a tab becomes a blank.
    """
    return _NO_FIELD.sub(" ", _bytes(text).decode("latin-1"))
