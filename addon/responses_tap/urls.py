"""The parts of a URL, whatever it is: files and clients hold some that `urlsplit` refuses (`http://[`)."""

import re
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

_PARTS = re.compile(r"(?:([^:/?#]+)://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
"""As RFC 3986, appendix B, cuts it: every text matches."""
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]")
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_PATH = "%/:@!$&'()*+,;=-._~"
"""What a path may have (RFC 3986, section 3.3), beside letters and digits."""


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


def requestable(url: str) -> str | None:
    """`url` written anew in ASCII, as one for a request; None unless it is a well-formed http or https URL.

    No two programs can read the result differently: a host is a name or an address, all else is percent-encoded. The
    fragment, which no request carries, is left out.
    """
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
        user, at, place = parts.netloc.rpartition("@")
        host = place.removesuffix(port or ":")
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(host):
        return None
    query = f"?{_encoded(parts.query, f'{_PATH}?')}" if parts.query else ""
    return f"{parts.scheme}://{_encoded(user, '%:-._~')}{at}{host}{port}{_encoded(parts.path, _PATH) or '/'}{query}"


def _encoded(text: str, safe: str) -> str:
    return quote(_STRAY_PERCENT.sub("%25", text), safe, errors="replace")
