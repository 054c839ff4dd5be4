"""The same verdict inside a server's own test suite.

    def test_my_stream(responses_tap, client):
        responses_tap.check(client.post("/v1/responses", json={…, "stream": True}))

The fixture is there wherever this package is installed. A stream that breaks the protocol fails the test with its
timeline and findings; notes do not fail it.
"""

from collections.abc import Iterable, Iterator, Mapping
from email.message import Message
from typing import Any

import pytest

from responses_tap.protocol.check import frames_of
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.protocol.sse import Frame
from responses_tap.stream.judging import checker_for, judged
from responses_tap.stream.model import Response, Stream, TimedFrame
from responses_tap.stream.timeline import render, timeline


class StreamAssertions:
    """What the `responses_tap` fixture is."""

    def check(self, stream: Any, *, profile: str = DEFAULT_PROFILE, ignore: Iterable[str] = ()) -> list[Finding]:  # noqa: ANN401 - as below
        """Fail the test unless `stream` keeps to the protocol; the findings that did not fail it.

        `stream` is a body (bytes or text), a response of httpx, requests or urllib, or the events as dicts or as the
        SDK's objects. Of a response, status and content type are judged, too: an HTTP error fails the test, and so does
        a body without events. `ignore` has beginnings of rule codes, as `check --ignore` takes them.
        """
        __tracebackhide__ = True
        response = _response(stream)
        known = Stream(map(TimedFrame, _frames(stream)), response=response, live=response != Response())
        checker = checker_for(known, profile)
        entries = list(judged(known, checker))
        prefixes = tuple(ignore)
        findings = [f for f in checker.findings if not (prefixes and f.code.startswith(prefixes))]
        if any(finding.severity is not Severity.NOTE for finding in findings):
            shown = "\n".join(render(timeline(entries, findings)))
            pytest.fail(f"the stream breaks the protocol (profile {profile}):\n\n{shown}", pytrace=False)
        return findings


@pytest.fixture
def responses_tap() -> StreamAssertions:
    """Assert that a stream of the Responses API keeps to the protocol: `responses_tap.check(stream)`."""
    return StreamAssertions()


def _frames(stream: Any) -> Iterator[Frame]:  # noqa: ANN401 - told apart below
    body = _body(stream)
    if body is None and not isinstance(stream, Mapping):
        return frames_of(map(_plain, stream))
    return frames_of(stream if body is None else body)


def _body(stream: Any) -> bytes | bytearray | memoryview | str | None:  # noqa: ANN401
    """The bytes of a body or of a response, None for events."""
    if isinstance(stream, str | bytes | bytearray | memoryview):
        return stream
    content = None if hasattr(stream, "iter_bytes") else getattr(stream, "content", None)
    if isinstance(content, bytes):
        return content  # requests
    if _response(stream) != Response():
        return bytes(stream.read())  # urllib, and httpx, also a response that is still to be read
    return None


def _response(stream: Any) -> Response:  # noqa: ANN401
    """What a response says of itself; empty for anything else."""
    status = getattr(stream, "status_code", getattr(stream, "status", None))
    headers = getattr(stream, "headers", None)
    if not isinstance(status, int) or not isinstance(headers, Mapping | Message):
        return Response()
    return Response(status, tuple((str(name), str(value)) for name, value in headers.items()))


def _plain(event: Any) -> Mapping[str, Any]:  # noqa: ANN401
    if isinstance(event, Mapping):
        return event
    dumped = event.model_dump(mode="json", exclude_unset=True)
    if not isinstance(dumped, Mapping):
        raise TypeError(f"{type(event).__name__} is no event of a stream")
    response = dumped.get("response")
    if isinstance(response, dict) and isinstance(created_at := response.get("created_at"), float):
        response["created_at"] = int(created_at)  # the SDK makes a float of it, whatever came
    return dumped
