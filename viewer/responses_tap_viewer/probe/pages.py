"""HTML pages that come instead of an answer, in plain words; the recorder sends one where a server doesn't answer."""

import os
import re
from collections.abc import Mapping
from html.parser import HTMLParser

from responses_tap.protocol.bodies import UNREACHED

_BAD_GATEWAY = 502
_UNSEEN = ("script", "style", "title")
_HEAD = f"{_BAD_GATEWAY} Bad Gateway "
"""The heading of the recorder's page; behind it is why."""
_BEFORE_CONNECTED = re.compile(
    r"\[Errno|Multiple exceptions|connection cancelled|Connection killed|Certificate verify failed|The remote server|"
    r"OpenSSL|Upstream proxy"
)
"""How mitmproxy's reasons begin where it has no connection to the server yet."""
_ERRNO = re.compile(r"\[Errno (-?\d+)\] ([^,(\[]*)")


class _Page(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.title = ""
        self.text = ""
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """An element begins; its text is a word of its own."""
        self._inside = tag
        self.text += " "

    def handle_endtag(self, tag: str) -> None:
        """An element ends."""
        self._inside = ""
        self.text += " "

    def handle_data(self, data: str) -> None:
        """A piece of text."""
        if self._inside == "title":
            self.title += data
        elif self._inside not in _UNSEEN:
            self.text += data


def page_words(page: str) -> str:
    """The title of a page, or its text where it has none."""
    read = _Page(page)
    return read.title.strip() or read.text.strip()


def recorder_trouble(status: int, headers: Mapping[str, str], body: bytes) -> str:
    """Why the recorder has no answer of the server, where this is the recorder's own page; empty otherwise."""
    if status != _BAD_GATEWAY or not headers.get("server", "").startswith("mitmproxy"):
        return ""
    reason = " ".join(_Page(body.decode(errors="replace")).text.split()).removeprefix(_HEAD)
    if _BEFORE_CONNECTED.match(reason):
        return f"{UNREACHED} ({_plain(reason)})"
    return f"the connection broke: {reason}"


def _plain(reason: str) -> str:
    """The reason without numbers and addresses: `connection refused`, once where several addresses refuse."""
    found = {os.strerror(int(number)) if int(number) > 0 else words.strip() for number, words in _ERRNO.findall(reason)}
    return ", ".join(sorted(words[:1].lower() + words[1:] for words in found)) or reason
