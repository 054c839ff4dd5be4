"""Tests for a server's suite: each resends a recorded request, and fails while the response breaks the protocol.

Content from outside appears only in string literals, and as ASCII words in the names of tests.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pprint import pformat

from responses_tap.errors import UnusableInput
from responses_tap.escaping import header_value, printable, python_literal
from responses_tap.formats.trace import compact
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.stream.model import JudgedStream
from responses_tap_viewer.reports.resend import ResendRequest, resend_request

_HEAD = '''\
"""Requests that the recording of a Responses API server holds, sent again.

    pip install pytest responses-tap
    export OPENAI_BASE_URL=…  (without it, the host of the recording){exports}
    pytest THIS_FILE

A test fails while the stream that it gets breaks the protocol, and shows where. Written by `responses-tap export`.
"""

import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

BASE_URL = os.environ.get("OPENAI_BASE_URL", {base_url}).rstrip("/")


def answer_to(request):
    try:
        return urlopen(request, timeout=600)
    except HTTPError as error:
        return error  # the response as well, with what the server says'''
_WIDTH = 100


def tests(streams: Sequence[JudgedStream]) -> str:
    """A pytest file with a test for each stream; UnusableInput for one that a test cannot judge."""
    requests = [resend_request(_testable(stream)) for stream in streams]
    names = dict.fromkeys(name for request in requests for name in request.variables.values())
    exports = "".join(f"\n    export {name}=…" for name in names)
    parts = [_HEAD.format(base_url=python_literal(_split(requests[0].url)[0]), exports=exports)]
    for n, (stream, request) in enumerate(zip(streams, requests, strict=True), 1):
        parts.append("\n".join(_test(n, stream, request)))
    return "\n\n\n".join(parts) + "\n"


def _testable(stream: JudgedStream) -> JudgedStream:
    serious = {finding.code for finding in stream.findings if finding.severity is not Severity.NOTE}
    if serious and all(code.startswith("TM") for code in serious):
        codes = ", ".join(sorted(serious))
        raise UnusableInput(stream.name, f"was found wrong only in its arrival times ({codes}), which no test measures")
    return stream


def _test(n: int, stream: JudgedStream, request: ResendRequest) -> Iterator[str]:
    serious = [finding for finding in stream.findings if finding.severity is not Severity.NOTE]
    name = f"{serious[0].code}_{serious[0].name}" if serious else "keeps_to_the_protocol"
    row = stream.row
    profile = (row.profile if row is not None else None) or DEFAULT_PROFILE
    yield f"def test_{n}_{re.sub('[^a-z0-9]+', '_', name.lower())}(responses_tap):"
    found = ", ".join(f"{f.code} {f.name}" + ("" if f.position is None else f" at event {f.position}") for f in serious)
    yield f"    {python_literal(printable(f'{stream.name}: {found or "no violations"}.'))}"
    if request.body is not None:
        yield from _body(request, request.body)
    yield "    request = Request("
    yield f"        BASE_URL + {_expression(request, _split(request.url)[1])},"
    yield f"        method={python_literal(request.method)},"
    yield "        headers={"
    for header, value in request.headers:
        yield f"            {python_literal(header)}: {_expression(request, header_value(value))},"
    yield "        },"
    if request.body is not None:
        # As recorded: bytes that aren't UTF-8 are lone surrogates here.
        yield '        data=body.encode(errors="surrogateescape"),'
    yield "    )"
    yield "    with answer_to(request) as answer:"
    more = "" if request.body is None else ", request=body"
    more += "" if profile == DEFAULT_PROFILE else f", profile={python_literal(profile)}"
    yield f"        responses_tap.check(answer{more})"


def _body(request: ResendRequest, body: str) -> Iterator[str]:
    try:
        value = json.loads(body)
        compact(value).encode()
        lines = map(printable, pformat(value, width=_WIDTH, sort_dicts=False).split("\n"))
        written = [
            "json.dumps(",
            *(f"    {line}" for line in f"{'\n'.join(lines)},".split("\n")),
            "    ensure_ascii=False,",
            ")",
        ]
    except (ValueError, RecursionError):
        written = [python_literal(body)]
    yield from (f"    {'body = ' * (n == 0)}{line}" for n, line in enumerate(written))
    for mask, name in request.masks(body):
        yield f"    body = body.replace({python_literal(mask)}, os.environ[{python_literal(name)}])"


def _expression(request: ResendRequest, text: str) -> str:
    pieces = [
        f"os.environ[{python_literal(name)}]" if name else python_literal(plain) for plain, name in request.parts(text)
    ]
    return " + ".join(pieces) or "''"


def _split(url: str) -> tuple[str, str]:
    """A URL split into base URL and the rest: `…/v1` and `/responses`."""
    found = re.match(r"(\w+://[^?#]*?)(/responses(?:[/?#].*)?)$", url) or re.match(r"(\w+://[^/?#]*)(.*)$", url)
    return (found[1], found[2]) if found else (url, "")
