"""The parts of a URL, whatever it is: files and clients hold some that `urlsplit` refuses (`http://[`)."""

import re
from urllib.parse import SplitResult, parse_qs, urlsplit

_PARTS = re.compile(r"(?:([^:/?#]+)://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
"""As RFC 3986, appendix B, cuts it: every text matches."""


def split(url: str) -> SplitResult:
    """The parts of `url`; where it is malformed, cut without judging them."""
    try:
        return urlsplit(url)
    except ValueError:
        found = _PARTS.fullmatch(url)
        assert found is not None
        return SplitResult(*(part or "" for part in found.groups()))


def continued_response(url: str) -> str | None:
    """The id of the response that a GET of this URL asks for the rest of, None where it asks for none."""
    return split(url).path.rstrip("/").rpartition("/")[2] or None if is_resumption(url) else None


def starting_after(url: str) -> int | None:
    """The number of the event behind which a GET of this URL asks a response to go on."""
    number = parse_qs(split(url).query).get("starting_after", [""])[0]
    return int(number) if re.fullmatch("[0-9]{1,18}", number) else None


def is_resumption(url: str) -> bool:
    """Whether a GET of this URL asks for the rest of a background response."""
    return "starting_after" in parse_qs(split(url).query)
