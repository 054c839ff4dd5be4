"""The parts of any URL: files and clients have some that `urlsplit` refuses (`http://[`)."""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

_PARTS = re.compile(r"(?:([^:/?#]+)://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
"""As in RFC 3986, appendix B: every text matches."""
_AUTHORITY = re.compile(r"(?:[^:/?#@]*:)?[/\\]{2}", re.DOTALL)
_HOST_AND_PORT = re.compile(r"(?:\[[^\]]*\]|[^:@]*)(?::[0-9]*)?", re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]")
_STRAY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
_PATH = "%/:@!$&'()*+,;=-._~"
"""What a path may contain (RFC 3986, section 3.3) besides letters and digits."""


class Cut(NamedTuple):
    """A URL in pieces that, joined, are the same: `scheme`, `user`"@", `host`, `path`, "?"`query`, "#"`fragment`."""

    scheme: str
    """With its separator: `https://`."""
    user: str
    """User and password; empty where there is none."""
    host: str
    """With its port."""
    path: str
    query: str | None
    fragment: str | None


def cut(url: str) -> Cut:
    """The pieces of `url`; anything that could be part of a password goes to the user."""
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
    """The parts of `url`; if it is malformed, without validation."""
    try:
        return urlsplit(url)
    except ValueError:
        found = _PARTS.fullmatch(url)
        assert found is not None
        return SplitResult(*(part or "" for part in found.groups()))


def continued_response(url: str) -> str | None:
    """The id of the response that a GET of this URL resumes, None where it resumes none."""
    return split(url).path.rstrip("/").rpartition("/")[2] or None if is_resumption(url) else None


def starting_after(url: str) -> int | None:
    """The number of the event after which a GET of this URL resumes a response."""
    number = parse_qs(split(url).query).get("starting_after", [""])[0]
    return int(number) if re.fullmatch("[0-9]{1,18}", number) else None


def is_resumption(url: str) -> bool:
    """Whether a GET of this URL resumes a background response."""
    return "starting_after" in parse_qs(split(url).query)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself, for whoever connects to it or listens on it."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def requestable(url: str) -> str | None:
    """`url` rewritten in ASCII for a request; None unless it is a well-formed http or https URL.

    Every program reads the result alike: a host is a name or an address, everything else is percent-encoded. The
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
