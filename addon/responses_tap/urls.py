"""The parts of a URL, whatever it is: files and clients hold some that `urlsplit` refuses (`http://[`)."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

_PARTS = re.compile(r"(?:([^:/?#]+)://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
"""As RFC 3986, appendix B, cuts it: every text matches."""
_AUTHORITY = re.compile(r"(?:[^:/?#@]*:)?[/\\]{2}", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(?:\[[^\]]*\]|[^:@]*)(?::[0-9]*)?", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]")
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_PATH = "%/:@!$&'()*+,;=-._~"
"""What a path may have (RFC 3986, section 3.3), beside letters and digits."""


class Cut(NamedTuple):
    """A URL in pieces that are it again: `scheme`, `user` and "@", `host`, `path`, "?" `query`, "#" `fragment`."""

    scheme: str
    """With what follows it: `https://`."""
    user: str
    """User and password; empty where there is none."""
    host: str
    """With its port."""
    path: str
    query: str | None
    fragment: str | None


def cut(url: str) -> Cut:
    """The pieces of `url`; what could be a part of a password belongs to the user."""
    rest, sharp, fragment = url.partition("#")
    rest, mark, query = rest.partition("?")
    lead = _AUTHORITY.match(rest)
    scheme, rest = (rest[: lead.end()], rest[lead.end() :]) if lead else ("", rest)
    # `user:pass@host` alone; and a password with a slash in it, which RFC 3986 would have encoded.
    authority, slash, path = rest.partition("/") if lead or "@" in rest.partition("/")[0] else ("", "", rest)
    if "@" not in authority and "@" in path and not _HOST_AND_PORT.fullmatch(authority):
        authority, slash, path = rest, "", ""
    user, at, host = authority.rpartition("@")
    host, slash_, lost = host.partition("/")
    path = f"{slash_}{lost}{slash}{path}"
    return Cut(scheme, user if at else "", host, path, query if mark else None, fragment if sharp else None)


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
