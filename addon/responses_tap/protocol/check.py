"""The verdict on a whole body in one call."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from responses_tap.protocol.checker import Checker
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.protocol.request_facts import RequestFacts
from responses_tap.protocol.runs import check_pieces
from responses_tap.protocol.scopes import ResponseScope
from responses_tap.protocol.sse import Frame, decode


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one body."""

    profile: str
    responses: tuple[ResponseScope, ...]
    findings: tuple[Finding, ...]
    """In order of response and position; those about the end come last."""

    @property
    def ok(self) -> bool:
        """Whether there is no error and no warning."""
        return all(finding.severity is Severity.NOTE for finding in self.findings)


def check_frames(frames: Iterable[Frame], profile: str = DEFAULT_PROFILE, *, resumed: bool = False) -> Report:
    """Check the frames of a whole body."""
    checker = Checker(profile, request=RequestFacts(resumes=resumed))
    for frame in frames:
        checker.feed(frame)
    return _report(checker)


def check(
    body: bytes | bytearray | memoryview | str | Iterable[Mapping[str, Any]],
    profile: str = DEFAULT_PROFILE,
    *,
    resumed: bool = False,
) -> Report:
    """Check a body as it came over the wire, or its events as parsed objects.

    A stream is expected: anything without an event, also a whole response in JSON, is rule LC110. Raises KeyError for
    a profile that does not exist.
    """
    content = _content(body)
    if not isinstance(content, bytes):
        return check_frames(content, profile, resumed=resumed)
    checker = Checker(profile, request=RequestFacts(resumes=resumed))
    for _ in check_pieces(checker, [content]):
        pass
    return _report(checker)


def _report(checker: Checker) -> Report:
    findings = checker.finish()
    return Report(checker.profile.name, tuple(checker.responses), tuple(findings))


def frames_of(body: bytes | bytearray | memoryview | str | Iterable[Mapping[str, Any]]) -> Iterator[Frame]:
    """The frames of a whole body, or those that its parsed events came in, or would have."""
    content = _content(body)
    return decode([content]) if isinstance(content, bytes) else content


def _content(body: bytes | bytearray | memoryview | str | Iterable[Mapping[str, Any]]) -> bytes | Iterator[Frame]:
    if isinstance(body, Mapping):  # one response, where its stream was expected
        body = json.dumps(dict(body))
    if isinstance(body, str):
        body = body.encode(errors="surrogatepass")  # lone surrogates aren't UTF-8 then: rule TR905
    if isinstance(body, bytes | bytearray | memoryview):
        return bytes(body)
    return map(_frame_of, body)


def _frame_of(event: Mapping[str, Any]) -> Frame:
    data = json.dumps(dict(event) if isinstance(event, Mapping) else event).encode()
    name = event.get("type") if isinstance(event, Mapping) else None
    return Frame(b"data: " + data + b"\n\n", name if isinstance(name, str) else None, data)
