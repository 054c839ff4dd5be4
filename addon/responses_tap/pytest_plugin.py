"""The same verdict inside a server's own test suite.

    def test_my_stream(responses_tap, client):
        responses_tap.check(client.post("/v1/responses", json={…, "stream": True}))

The fixture is there wherever this package is installed. A stream that breaks the protocol fails the test with its
timeline and findings; notes do not fail it.

Findings that are known can be tolerated: `--responses-tap-baseline FILE`, or `responses_tap_baseline` in pytest's
settings, names a baseline, and `--responses-tap-update-baseline` writes it. Its sources are the ids of the tests.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from responses_tap.baseline import Baseline, BaselineError, KnownFinding, read
from responses_tap.protocol.check import frames_of
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.protocol.request_facts import facts_of
from responses_tap.protocol.sse import looks_like_events
from responses_tap.stream.judging import checker_for, judged
from responses_tap.stream.model import Request, Response, Stream, TimedFrame
from responses_tap.stream.timeline import render, timeline

_UPDATE = "--responses-tap-update-baseline"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting for a baseline."""
    group = parser.getgroup("responses-tap")
    group.addoption("--responses-tap-baseline", metavar="FILE", help="tolerate the findings in FILE; stale ones fail")
    group.addoption(_UPDATE, action="store_true", help="write the baseline from this run")
    parser.addini("responses_tap_baseline", "the findings to tolerate, a file below the root directory")


def pytest_configure(config: pytest.Config) -> None:
    """Read the baseline; a usage error where it isn't one."""
    name = config.getoption("--responses-tap-baseline") or config.getini("responses_tap_baseline")
    update = config.getoption(_UPDATE)
    if update and not name:
        raise pytest.UsageError(f"{_UPDATE} needs --responses-tap-baseline, or the setting")
    if update and (hasattr(config, "workerinput") or config.getoption("numprocesses", None)):
        raise pytest.UsageError(f"{_UPDATE} writes one file: run without xdist (-n 0)")
    path = config.rootpath / name if name else None
    try:
        known = read(path, _UPDATE) if path and (path.exists() or not update) else Baseline()
    except BaselineError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[_BASELINE] = _Session(known, path if update else None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the baseline, if requested."""
    state = session.config.stash.get(_BASELINE, None)
    if state and state.path:
        state.known.replaced(state.sources, state.found).write(state.path)


@dataclass
class _Session:
    """The baseline of a test run, and what the run found."""

    known: Baseline
    path: Path | None
    """Where to write it; None to compare with it."""
    sources: set[str] = field(default_factory=set)
    found: list[KnownFinding] = field(default_factory=list)

    def tolerates(self, source: str, finding: Finding) -> bool:
        """Whether a test's finding doesn't fail it."""
        if self.path is None:
            return self.known.knows(source, finding)
        self.found.append(KnownFinding.of(source, finding))
        return True


_BASELINE = pytest.StashKey[_Session]()


class StreamAssertions:
    """The value of the `responses_tap` fixture."""

    def __init__(self, session: _Session, request: pytest.FixtureRequest) -> None:
        self._session = session
        self._request = request
        self._source: str = request.node.nodeid

    def check(
        self,
        stream: Any,  # noqa: ANN401 - as below
        *,
        request: str | bytes | Mapping[str, Any] | None = None,
        profile: str = DEFAULT_PROFILE,
        ignore: Iterable[str] = (),
    ) -> list[Finding]:
        """Fail the test unless `stream` keeps to the protocol; return the findings that didn't fail it.

        `stream` is a body (bytes or text), a response of httpx, requests or urllib, or the events as dicts or as the
        SDK's objects. Of a response, status and content type are judged, too: an HTTP error fails the test, and so does
        a body without events. `request` is the body of the request, which httpx and requests know themselves: with it,
        the response is held against what was asked for, and one that was not to be streamed is judged as JSON.
        `ignore` takes prefixes of rule codes, like `check --ignore`.
        """
        __tracebackhide__ = True
        known = _stream(stream, _asked(stream) if request is None else _text(request))
        checker = checker_for(known, profile)
        entries = list(judged(known, checker))
        prefixes = tuple(ignore)
        findings = [f for f in checker.findings if not (prefixes and f.code.startswith(prefixes))]
        serious = [finding for finding in findings if finding.severity is not Severity.NOTE]
        if not all([self._session.tolerates(self._source, finding) for finding in serious]):  # noqa: C419 - each one counts as seen
            shown = "\n".join(render(timeline(entries, findings)))
            pytest.fail(f"the stream breaks the protocol (profile {profile}):\n\n{shown}", pytrace=False)
        return findings

    def server(self, stream: str | Path | None = None, fault: str | Iterable[str] = (), speed: float = 0) -> str:
        """Serve a stream on loopback until the test ends, with faults if wanted; return the base URL for a client.

        `stream` is the name of a sample (`text`, `tool-call`) or a file; without it, it is the first sample that can
        have the faults. `fault` is NAME[=ARG][@EVENT] as for `replay --fault`, or several of them. Needs the whole
        program, `responses-tap`; the test fails without it.
        """
        __tracebackhide__ = True
        try:
            serve = self._request.getfixturevalue("responses_tap_server")
        except pytest.FixtureLookupError:
            pytest.fail("responses_tap.server needs the program: pip install responses-tap", pytrace=False)
        base_url: str = serve(stream, fault, speed)
        return base_url


@pytest.fixture
def responses_tap(request: pytest.FixtureRequest) -> Iterator[StreamAssertions]:
    """Assert that a stream of the Responses API keeps to the protocol: `responses_tap.check(stream)`."""
    session, source = request.config.stash[_BASELINE], request.node.nodeid
    failed = request.session.testsfailed
    session.sources.add(source)
    yield StreamAssertions(session, request)
    stale = session.known.stale({source}) if session.path is None else []
    if stale and request.session.testsfailed == failed:
        codes = ", ".join(known.code for known in stale)
        pytest.fail(f"the baseline knows findings of this test that no longer occur: {codes}", pytrace=False)


def _stream(stream: Any, asked: str | None) -> Stream:  # noqa: ANN401 - distinguished below
    """What is to be judged, with what is known of its request."""
    __tracebackhide__ = True
    body = _body(stream)
    if body is None and not isinstance(stream, Iterable):
        raise TypeError(
            "responses_tap.check takes a body (bytes or text), a response of httpx, requests or urllib, or the events "
            f"of a stream, not {type(stream).__name__}"
        )
    response, request = _response(stream), Request(body=asked)
    live = response != Response()
    if body is not None and facts_of("", asked).streams is False and not looks_like_events(body):
        return Stream(request=request, response=replace(response, body=body), live=live)
    if body is None and not isinstance(stream, Mapping):
        frames = frames_of(map(_plain, stream))
    else:
        frames = frames_of(stream if body is None else body)
    return Stream(map(TimedFrame, frames), request=request, response=response, live=live)


def _asked(stream: Any) -> str | None:  # noqa: ANN401 - a response of any library
    """The body of a response's request, None where it isn't known."""
    request = getattr(stream, "request", None)
    with suppress(RuntimeError):  # httpx, of a body that was streamed
        body = getattr(request, "content", None) or getattr(request, "body", None)
        return _text(body) if isinstance(body, str | bytes) else None
    return None


def _text(body: str | bytes | Mapping[str, Any]) -> str:
    if isinstance(body, Mapping):
        return json.dumps(dict(body))
    return body if isinstance(body, str) else body.decode(errors="replace")


def _body(stream: Any) -> bytes | None:  # noqa: ANN401
    """The bytes of a body or of a response, None for events."""
    if isinstance(stream, str):
        return stream.encode(errors="surrogatepass")  # lone surrogates aren't UTF-8 then: rule TR905
    if isinstance(stream, bytes | bytearray | memoryview):
        return bytes(stream)
    content = None if hasattr(stream, "iter_bytes") else getattr(stream, "content", None)
    if isinstance(content, bytes):
        return content  # requests
    if _response(stream) != Response():
        return bytes(stream.read())  # urllib, and httpx, even a response that hasn't been read yet
    return None


def _response(stream: Any) -> Response:  # noqa: ANN401
    """Status and headers of a response; empty for anything else."""
    status = getattr(stream, "status_code", getattr(stream, "status", None))
    headers = getattr(stream, "headers", None)
    if not isinstance(status, int) or not isinstance(headers, Mapping | Message):
        return Response()
    return Response(status, tuple((str(name), str(value)) for name, value in headers.items()))


def _plain(event: Any) -> Mapping[str, Any]:  # noqa: ANN401
    if isinstance(event, Mapping):
        return event
    dump = getattr(event, "model_dump", None)
    dumped = dump(mode="json", exclude_unset=True) if dump else None
    if not isinstance(dumped, Mapping):
        raise TypeError(
            f"responses_tap.check takes events as dicts or as the SDK's objects, not {type(event).__name__}"
        )
    response = dumped.get("response")
    if isinstance(response, dict) and isinstance(created_at := response.get("created_at"), float):
        response["created_at"] = int(created_at)  # the SDK always makes it a float
    return dumped
