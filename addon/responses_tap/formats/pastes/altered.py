"""Whether an event stream came as the server sent it, or is one that somebody or some program has changed since."""

import re

from responses_tap.formats.pastes import separate
from responses_tap.formats.pastes.wrapping import is_wrapped
from responses_tap.formats.shortening import MARK, OWN_LINE, has_marks
from responses_tap.protocol.events import parse

_CUT_DATA = re.compile(
    rb"^data:[^\n]*(?:[{\[,:][ \t]{0,9}(?:%b|/\*)[^\n]*|(?:%b[ \t]?){1,3}[\"'\]}) \t\r]*)$"
    % (MARK.encode(), MARK.encode()),
    re.MULTILINE,
)
_CUT_BODY = re.compile(rb"^%b$" % OWN_LINE.encode(), re.MULTILINE | re.IGNORECASE)
_PAGES = re.compile(
    rb"^data:[ \t]*\{(?:&(?:amp;)?(?:quot|#34);|\xe2\x80[\x9c-\x9f])|^(?:data: ?\{.*\}|event: ?[\w.]+)\$$", re.MULTILINE
)
"""Data as web pages, typographers and `cat -A` show them."""


def is_altered(head: bytes) -> bool:
    """Whether an event stream that begins so was changed on its way here: shortened, wrapped, escaped for a page.

    Or whether it stands in other text, or is several with other text between them.
    """
    if separate.is_surrounded(head) or len(separate.sections(head)) > 1:
        return True
    text = head.decode(errors="replace")
    if _PAGES.search(head) is not None or has_marks(text):
        return True
    return _is_shortened(head) or is_wrapped(text.splitlines()[:-1])


def _is_shortened(head: bytes) -> bool:
    return _CUT_BODY.search(head) is not None or any(
        (event := parse(match[0].removeprefix(b"data:").strip())).flaw is not None and event.flaw.kind == "not-json"
        for match in _CUT_DATA.finditer(head)
    )
