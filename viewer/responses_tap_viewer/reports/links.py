"""Links to the sources that a rule names."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

SPECIFICATION = "https://www.openresponses.org/specification"
_GITHUB = "https://github.com"
_WHATWG = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
_SOURCE = re.compile(
    r"(?P<section>section ['\"](?P<heading>[^'\"]+)['\"])"
    r"|(?P<sdk>openai-(?:python|node)) (?P<version>\d+\.\d+\.\d+), (?P<path>(?:openai|src)/[\w./-]*\w)"
    r"|(?P<repository>[\w-]+/[\w.-]+)#(?P<number>\d+)"
    r"|WHATWG HTML 9\.2\.(?P<paragraph>[67])"
    r"|(?P<reference>OpenAI API reference)"
    r"|(?P<whole>Open Responses specification)"
)
_PARAGRAPHS = {"6": "event-stream-interpretation", "7": "authoring-notes"}


class LinkedText(NamedTuple):
    """A piece of a text, with the address that it refers to, if any."""

    text: str
    url: str = ""


def linked(text: str) -> Iterator[LinkedText]:
    """The text in pieces, in order."""
    at = 0
    for match in _SOURCE.finditer(text):
        if match.start() > at:
            yield LinkedText(text[at : match.start()])
        yield LinkedText(match[0], _url(match))
        at = match.end()
    if at < len(text):
        yield LinkedText(text[at:])


def _url(match: re.Match[str]) -> str:
    if match["section"]:
        # A link to the words themselves, which stay when the anchors of headings change.
        return f"{SPECIFICATION}#:~:text={quote(match['heading'])}"
    if match["sdk"]:
        path = f"src/{match['path']}" if match["path"].startswith("openai/") else match["path"]
        return f"{_GITHUB}/openai/{match['sdk']}/blob/v{match['version']}/{path}"
    if match["repository"]:
        return f"{_GITHUB}/{match['repository']}/issues/{match['number']}"
    if match["paragraph"]:
        return f"{_WHATWG}#{_PARAGRAPHS[match['paragraph']]}"
    return "https://platform.openai.com/docs/api-reference/responses-streaming" if match["reference"] else SPECIFICATION
