"""Any text, escaped for any place, comes out of that place's own interpreter as the text that it was."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from responses_tap import escaping
from responses_tap.escaping import printable
from responses_tap.urls import requestable

SHELLS = [shell for shell in ("dash", "bash", "zsh", "busybox") if shutil.which(shell)]
COMMAND = {"busybox": ["busybox", "sh"]}
PIECES = [
    "\\<img src=x onerror=alert(1)>", "@octocat", "ogx/ogx#5", "#1", "GH-1", "https://evil.invalid", "www.evil.invalid",
    "a@evil.invalid", "`", "``", "```", "~~~", "|", "</details>", "<!--", "&lt;", "&#64;", "[a](b)", "![a](b)", "**b**",
    "\n", "\r", "\n# h", "\n- l", "\x00", "\x1b]52;c;AAAA\x07", "\x9b31m", "\x1b[31m", "\u2028", "\u202e", "\ufffe",
    "\uffff", "\ud800", "\udcff", "$(touch PWN)", "`touch PWN`", "';touch PWN;'", '"', "\\", "\\N{DASH}", '"""', "{x}",
    "%", "%0A", "::error::", "##[add-path]", "]]>", "\t", " ", "!", "-x", "%b", "\\c", "\\0101", "JSON", "é", "漢",
    "😀", "❤\ufe0f", "\u3164", "\n```\n", "\n```` x\n", "%2525",
]  # fmt: skip
TEXT = st.lists(st.sampled_from(PIECES) | st.text(st.characters(), max_size=5), max_size=6).map("".join)
"""Texts with what has a meaning somewhere, and lone surrogates."""


def in_bytes(text: str) -> bytes:
    """A text as it is sent: U+FFFD for surrogates that stand for no byte."""
    return re.sub("[\ud800-\udc7f\udd00-\udfff]", "\ufffd", text).encode(errors="surrogateescape")


def said_by(shell: str, lines: list[str]) -> list[bytes]:
    """What each of these commands writes, in one run of a shell, each ended by a line that no text has."""
    mark = os.urandom(16).hex()
    script = "".join(f"{line}\nprintf %s {mark}\n" for line in lines)
    done = subprocess.run(
        COMMAND.get(shell, [shell]), input=script.encode(), capture_output=True, check=True, timeout=300
    )
    assert done.stderr == b""
    return done.stdout.split(mark.encode())[:-1]


@pytest.mark.parametrize("shell", SHELLS)
@given(texts=st.lists(TEXT, min_size=1, max_size=40))
def test_a_shell_reads_the_word_and_prints_the_text(shell: str, texts: list[str]) -> None:
    words = [text.replace("\0", "") for text in texts]
    assert said_by(shell, [f"printf %s {escaping.shell_word(word)}" for word in words]) == list(map(in_bytes, words))
    printed = [f"printf {conversion} {word}" for conversion, word in map(escaping.shell_printed, texts)]
    assert said_by(shell, printed) == list(map(in_bytes, texts))
    for line in printed:
        assert printable(line.replace("\n", "")) == line.replace("\n", "")


@given(TEXT)
def test_a_word_that_no_shell_could_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NUL"):
        escaping.shell_word(f"{text}\0")


@given(TEXT)
@example('"""+str(__import__("os").system("touch PWN"))+"""')
def test_python_reads_the_literal_as_the_text(text: str) -> None:
    literal = escaping.python_literal(text)
    assert ast.literal_eval(literal) == text
    assert printable(literal) == literal


class Words(HTMLParser):
    """The text of a page, its elements, and the values of their attributes."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[str] = []
        self.values: list[str | None] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.values += [value for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXT)
def test_a_page_shows_the_text_and_has_no_element_more(text: str) -> None:
    page = Words(f'<p title="{escaping.html(text)}">{escaping.html(text)}</p>')
    assert (page.text, page.elements, page.values) == (printable(text), ["p"], [printable(text)])


@given(TEXT)
@example("\ufffe\uffff\x00\x1b\ud800\U0001fffe")
def test_xml_reads_the_text(text: str) -> None:
    case = ET.Element("case", name=escaping.xml(text))
    case.text = escaping.xml(text)
    read = ET.fromstring(ET.tostring(case, encoding="utf-8"))
    assert (read.get("name"), read.text or "") == (printable(text), printable(text))


@given(before=TEXT, text=TEXT)
@example(before="", text="a\n```\n<b>@octocat\n````\n")
def test_markdown_shows_the_text_as_code_and_has_nothing_else(before: str, text: str) -> None:
    render = MarkdownIt("gfm-like").render
    page = Words(render(f"# {escaping.code_span(before)}\n\n- **Name:** {escaping.code_span(text)}\n"))
    assert set(page.elements) <= {"h1", "ul", "li", "strong", "code"}
    assert page.text.replace("\n", "") == f"{printable(before)}Name:{' ' * bool(text)}{printable(text)}"
    block = Words(render(f"<details>\n\n{escaping.code_block('text', text)}\n</details>\n"))
    assert block.elements == ["details", "pre", "code"]
    assert block.text.strip("\n") == "\n".join(map(printable, text.split("\n"))).strip("\n")


@given(TEXT)
def test_a_workflow_command_is_one_and_says_the_text(text: str) -> None:
    line = f"::error file={escaping.workflow_property(text)},line=1::{escaping.workflow_data(text)}"
    assert len(line.splitlines()) == 1
    assert "##[" not in line
    properties, data = re.fullmatch("::error ([^:]*)::(.*)", line).groups()  # type: ignore[union-attr]
    assert len(properties.split(",")) == 2
    file = properties.removeprefix("file=").removesuffix(",line=1")
    shown = printable(text).replace("##[", r"##\x5b")
    # As GitHub's runner reads them.
    assert re.sub("%(25|0D|0A|3A|2C)", lambda found: unquote(found[0]), file) == shown
    assert re.sub("%(25|0D|0A)", lambda found: unquote(found[0]), data) == shown


@given(TEXT)
def test_a_header_has_the_bytes_of_the_text_and_no_line_end(text: str) -> None:
    sent = escaping.header_value(text).encode("latin-1")
    assert not re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", sent)
    assert sent == re.sub(rb"[\x00-\x08\x0a-\x1f\x7f]", b" ", in_bytes(text))


@given(TEXT)
def test_a_terminal_gets_no_sequence_but_our_colours(text: str) -> None:
    line = escaping.terminal_line(f"\x1b[31m✖\x1b[0m {text}")
    rest = re.sub("\x1b\\[(?:[0-2]|3[0-7])m", "", line)
    assert printable(rest) == rest


@given(TEXT)
def test_a_json_document_keeps_its_values(text: str) -> None:
    written = escaping.json_document(json.dumps({text: [text]}, ensure_ascii=False, indent=1))
    assert json.loads(written) == json.loads(json.dumps({text: [text]}))
    assert printable(written.replace("\n", "")) == written.replace("\n", "")


URL = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "file://", "gopher://", "-K", "", "//", "http:", "javascript:"]),
    st.sampled_from(["h", "127.0.0.1:80", "[::1]:8080", "u:p@h", "-o", "h:99999", "h:x", "é", "a\\@b", "[x]", "a b"])
    | TEXT,
    st.sampled_from(["", "/", "/v1/responses", "?"]),
    TEXT,
)


@given(URL)
@example("http://h/%zz?a=%E9&b=c d#f")
def test_a_url_to_request_is_http_in_ascii_and_reads_the_same_everywhere(url: str) -> None:
    written = requestable(url)
    if written is None:
        return
    assert re.fullmatch(r"https?://[!-~]+", written)
    assert not re.search(r'["\\^`{|}<>]|%(?![0-9A-Fa-f]{2})', written)
    assert requestable(written) == written
    parts = urlsplit(written)
    assert parts.scheme in ("http", "https")
    assert parts.hostname
    assert "/" not in unquote(parts.netloc.rpartition("@")[2])
    assert shlex.split(f"curl --url {escaping.shell_word(written)}")[2] == written
