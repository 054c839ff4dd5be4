"""A server's own suite asserts in one line, and a failing test shows the timeline."""

import json
import re
import urllib.request

import httpx2
import openai
import pytest
import requests
from tests.conftest import RECORDINGS, events_of
from tests.upstream import Upstream

from responses_tap_viewer.actions.playback import playback
from responses_tap_viewer.actions.replay_server import ReplayServer
from responses_tap_viewer.streams import find_stream

pytest_plugins = ["pytester"]

TEXT = RECORDINGS / "clean/text.sse"
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


def test_a_correct_stream_passes_in_every_form(responses_tap) -> None:
    assert responses_tap.check(TEXT.read_bytes()) == []
    assert responses_tap.check(TEXT.read_text()) == []
    assert responses_tap.check(events_of(TEXT)) == []


def test_responses_and_sdk_events_are_read_as_they_are(responses_tap) -> None:
    with (
        ReplayServer({"": playback(find_stream(str(TEXT)))}, speed=0) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client,
    ):
        assert responses_tap.check(client.responses.create(model="m", input="hi", stream=True)) == []
        with client.responses.with_streaming_response.create(model="m", input="hi", stream=True) as raw:
            assert responses_tap.check(raw.http_response) == []


@pytest.mark.parametrize("library", ["httpx", "requests", "urllib"])
def test_a_response_is_held_against_its_request(responses_tap, library: str) -> None:
    whole = json.dumps(events_of(TEXT)[-1]["response"]).encode()
    with Upstream(v1=lambda connection: connection.sendall(JSON_HEAD % len(whole) + whole)) as upstream:
        url = f"{upstream.url}/v1/responses"
        for asked, codes in (({"input": "hi"}, []), ({"input": "hi", "stream": True}, ["TR916"])):
            body = json.dumps(asked).encode()
            if library == "urllib":
                with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as answer:
                    found = judged(responses_tap, answer, request=asked)
            elif library == "httpx":
                found = judged(responses_tap, httpx2.post(url, content=body))
            else:
                found = judged(responses_tap, requests.post(url, data=body, timeout=60))
            assert found == codes
    assert judged(responses_tap, whole.decode(), request={"input": "hi"}) == []
    assert judged(responses_tap, whole) == ["LC110"]  # nothing says that it was not to be streamed


def judged(responses_tap, *answer: object, **options: object) -> list[str]:
    """The codes of the findings."""
    try:
        return [finding.code for finding in responses_tap.check(*answer, **options)]
    except pytest.fail.Exception as failure:
        return re.findall(r"^ *[✖▲] ([A-Z]{2}\d{3})", str(failure), re.MULTILINE)


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (None, r"takes a body \(bytes or text\), a response of .*, or the events of a stream, not NoneType$"),
        (7, "not int$"),
        ([1], "takes events as dicts or as the SDK's objects, not int$"),
    ],
)
def test_what_is_no_stream_is_named(responses_tap, stream: object, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        responses_tap.check(stream)


def test_a_failing_test_shows_timeline_and_findings(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        from pathlib import Path
        BODY = Path({str(RECORDINGS / "broken/MD301-text-done-missing.sse")!r}).read_bytes()

        def test_my_server(responses_tap):
            responses_tap.check(BODY)

        def test_known(responses_tap):
            responses_tap.check(BODY, ignore=["MD301"])

        def test_empty(responses_tap):
            responses_tap.check(b"")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*response.output_text.done  [[]0.0] (missing)*",
            "*MD301 text-done-missing*",
            "*fix: emit output_text.done*",
            "*rules MD301)*",
            "*LC110 no-events: *it is empty*",
        ]
    )
    result.stdout.no_fnmatch_line("*responses_tap/pytest_plugin.py*")


def test_a_baseline_tolerates_known_findings_and_fails_stale_ones(pytester: pytest.Pytester) -> None:
    def suite(name: str, *options: str) -> pytest.RunResult:
        pytester.makepyfile(
            f"""
            from pathlib import Path

            def test_my_server(responses_tap):
                responses_tap.check(Path({str(RECORDINGS / name)!r}).read_bytes())
            """
        )
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "-p", "no:xdist", *options)

    broken = "broken/MD301-text-done-missing.sse"
    pytester.makeini("[pytest]\nresponses_tap_baseline = known.json")
    assert "known.json doesn't exist; --responses-tap-update-baseline writes it" in suite(broken).stderr.str()
    suite(broken, "--responses-tap-update-baseline").assert_outcomes(passed=1)
    suite(broken).assert_outcomes(passed=1)
    suite("broken/MD305-part-not-closed.sse").assert_outcomes(failed=1)
    result = suite("clean/text.sse")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*no longer occur: MD301*"])
    suite("clean/text.sse", "--responses-tap-update-baseline").assert_outcomes(passed=1)
    suite("clean/text.sse").assert_outcomes(passed=1)


def test_a_server_of_samples_and_faults_gives_a_base_url(responses_tap) -> None:
    right = openai.OpenAI(base_url=responses_tap.server("text"), api_key="none", max_retries=0)
    assert right.responses.create(model="m", input="hi").output_text == "Hello, world."
    broken = openai.OpenAI(base_url=responses_tap.server(fault="LC103"), api_key="none", max_retries=0)
    with broken.responses.stream(model="m", input="hi") as stream, pytest.raises(RuntimeError, match="completed"):
        stream.get_final_response()
    both = openai.OpenAI(
        base_url=responses_tap.server("tool-call", ["AG604", "slow=1ms"]), api_key="none", max_retries=0
    )
    events = both.responses.create(model="m", input="hi", stream=True)
    with pytest.raises(pytest.fail.Exception, match="AG604 arguments-differ"):
        responses_tap.check(events)


def test_a_server_plays_a_file_of_the_test(responses_tap, tmp_path) -> None:
    file = tmp_path / "mine.sse"
    file.write_bytes(
        TEXT.read_bytes().replace(b"Hello", b"Howdy").replace(b'"Hel"', b'"How"').replace(b'"lo"', b'"dy"')
    )
    client = openai.OpenAI(base_url=responses_tap.server(file), api_key="none", max_retries=0)
    with client.responses.stream(model="m", input="hi") as stream:
        assert stream.get_final_response().output_text == "Howdy, world."


def test_what_a_server_cannot_serve_fails_the_test_in_a_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_fault(responses_tap):
            responses_tap.server(fault="MD399")

        def test_stream(responses_tap):
            responses_tap.server("txt")

        def test_both(responses_tap):
            responses_tap.server("text", "MD303")
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(
        [
            "*responses_tap.server: there is no fault 'MD399'; did you mean MD3*",
            "*responses_tap.server: txt *",
            "*responses_tap.server: MD303 cannot be planted in this stream: it needs response.refusal.done*",
        ]
    )


def test_a_server_needs_the_program(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_server(responses_tap):\n    responses_tap.server('text')\n")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:responses_tap_bench")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*responses_tap.server needs the program: pip install responses-tap*"])
