"""Faults of the transport: over a real socket, to a real client, and what a recording of it says."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest
from tests.conftest import RECORDINGS

from responses_tap import Checker, Decoder, check
from responses_tap.errors import UnusableInput
from responses_tap.mitm.proxy import Proxy
from responses_tap.protocol.faults import CannotPlant
from responses_tap_viewer.actions.faulty import Chaos, draft_of, draft_of_body, every_fault, fault_named, planted
from responses_tap_viewer.actions.playback import BreakOff, Playback
from responses_tap_viewer.actions.replay_server import Asked, ReplayServer
from responses_tap_viewer.actions.transport_faults import TRANSPORT_FAULTS
from responses_tap_viewer.streams import find_stream, open_existing

UNICODE = RECORDINGS / "clean/unicode.sse"
BODY = UNICODE.read_bytes()
WORDS = "Grüße aus 東京 🌸"
MARKED = (RECORDINGS / "clean/done-marker.sse").read_bytes()
SECOND = 10**9


def played(*faults: str, body: bytes = BODY, seed: int | None = None) -> Playback:
    return planted(draft_of_body(body, 0), map(fault_named, faults), seed).playback()


def sent(playback: Playback) -> bytes:
    return b"".join(piece for _, piece in playback.pieces)


def delivered(playback: Playback) -> str | type[Exception]:
    """What openai-python makes of it: the text, or the error that it raises."""
    with ReplayServer({"": playback}) as server:
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=30)
        try:
            with client.responses.stream(model="m", input="hi") as stream:
                return stream.get_final_response().output_text
        except Exception as error:  # noqa: BLE001 - whatever it raises
            return type(error)


RAISED: dict[str, type[Exception]] = {
    "done-early": RuntimeError,
    "error-mid": RuntimeError,
    "error-mid=failed": RuntimeError,
    "no-blank-line": json.JSONDecodeError,
    "half-event": RuntimeError,
    "cut": openai.APIConnectionError,
    "reset": openai.APIConnectionError,
    "stall=1ms": openai.APIConnectionError,
    "encoding-lie": openai.APIConnectionError,
    "encoding-lie=unsaid": UnicodeDecodeError,
    "status=429": openai.RateLimitError,
    "status=500": openai.InternalServerError,
    "status=503": openai.InternalServerError,
    "retry-after=2": openai.RateLimitError,
}
WHOLE = [
    "keepalive-comments", "keepalive-event", "crlf", "bom", "slow=1ms", "gap=1ms", "buffered", "rechunk=byte",
    "rechunk=event", "rechunk=coarse", "rechunk=utf8", "rechunk=crlf", "content-type", "no-done",
]  # fmt: skip


@pytest.mark.parametrize(("fault", "error"), RAISED.items())
def test_the_client_sees_a_fault_that_breaks_the_stream(fault: str, error: type[Exception]) -> None:
    assert delivered(played(fault)) is error


@pytest.mark.parametrize("fault", WHOLE)
def test_the_client_reads_a_stream_that_is_only_unusual(fault: str) -> None:
    body = MARKED if fault == "no-done" else BODY
    assert delivered(played(fault, body=body)) == (WORDS if body == BODY else "Hello, world.")


def test_every_fault_is_tested_with_the_client() -> None:
    tested = {name.partition("=")[0] for name in (*RAISED, *WHOLE)}
    assert tested == set(TRANSPORT_FAULTS)


CODES = {
    "done-early": ["TR908"],
    "no-done": [],  # TR909 is a note of the profile open-responses
    "error-mid": ["LC104"],
    "error-mid=failed": [],
    "keepalive-comments": [],
    "keepalive-event": [],
    "no-blank-line": ["TR914"],
    "crlf": [],
    "bom": [],
    "slow=1ms": [],
    "gap=1ms": [],
    "rechunk=byte": [],
    "rechunk=utf8": [],
    "rechunk=crlf": [],
    "half-event": ["LC103"],
    "cut": ["LC103"],
    "reset": ["LC103"],
    "stall=1ms": ["LC103"],
    "content-type": ["TR906"],
    "encoding-lie": ["TR915"],
    "encoding-lie=unsaid": ["TR915"],
    "status=429": ["TR907"],
    "retry-after=2": ["TR907"],
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The codes that a recording of each fault has, read by a client that reads all there is."""
    db = tmp_path_factory.mktemp("faults") / "a.db"
    playbacks = {f"/{fault}/": played(fault, body=MARKED if fault == "no-done" else BODY) for fault in CODES}
    deltas = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in long_stream())
    playbacks["/buffered/"] = played("slow=40ms", "buffered", body=deltas)  # three seconds of silence
    with ReplayServer(playbacks) as upstream, Proxy(db, upstream=upstream.url, on_notice=lambda _: None) as proxy:
        for fault in (*CODES, "buffered"):
            ask(proxy.base_url, f"/{fault}/v1/responses")
    with open_existing(db) as recording:
        return {
            row.url.split("/")[3]: [finding.code for finding in recording.findings(row.id)]
            for row in recording.streams()
        }


def long_stream() -> list[dict[str, Any]]:
    """The text in eighty deltas."""
    events = [json.loads(frame.data) for frame in Decoder().feed(BODY) if frame.data]
    deltas = [dict(event, delta="x") for event in events[4:5]] * 80
    text = json.dumps([*events[:4], *deltas, *events[9:]], ensure_ascii=False).replace(WORDS, "x" * 80)
    return [event | {"sequence_number": n} for n, event in enumerate(json.loads(text))]


def ask(base_url: str, path: str) -> None:
    parts = urlsplit(base_url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as connection:
        connection.request("POST", path, b'{"model":"m","stream":true}', {"Content-Type": "application/json"})
        with suppress(http.client.HTTPException, ConnectionError):
            connection.getresponse().read()


@pytest.mark.parametrize(("fault", "codes"), CODES.items())
def test_a_recording_says_what_the_table_says(fault: str, codes: list[str], recorded: dict[str, list[str]]) -> None:
    assert recorded[fault] == codes
    assert codes in ([], [TRANSPORT_FAULTS[fault.partition("=")[0]].shows])


def test_a_buffered_stream_is_recorded_as_one(recorded: dict[str, list[str]]) -> None:
    assert "TM001" in recorded["buffered"]
    assert TRANSPORT_FAULTS["buffered"].shows == "TM001"


def test_a_long_gap_is_a_long_silence() -> None:
    checker = Checker()
    for at_ns, piece in played("gap=70s@5").pieces:
        checker.feed(Decoder().feed(piece)[0], at_ns)
    (finding,) = checker.finish()
    assert (finding.code, finding.position) == (TRANSPORT_FAULTS["gap"].shows, 5)


def test_a_missing_done_marker_is_seen_by_open_responses() -> None:
    assert [finding.code for finding in check(MARKED, "open-responses").findings] == []
    (finding,) = check(sent(played("no-done", body=MARKED)), "open-responses").findings
    assert finding.code == TRANSPORT_FAULTS["no-done"].shows


def chunks(playback: Playback) -> list[bytes]:
    """The chunks of a response, as they are on the wire."""
    with ReplayServer({"": playback}) as server:
        parts = urlsplit(server.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            received = b"".join(iter(lambda: connection.recv(65536), b""))
    return list(_unchunked(received.partition(b"\r\n\r\n")[2]))


def _unchunked(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, body = body.partition(b"\r\n")
        if size == b"0":
            return
        yield body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]


def test_the_pieces_are_what_the_fault_says() -> None:
    assert {len(chunk) for chunk in chunks(played("rechunk=byte"))} == {1}
    assert chunks(played("rechunk=event")) == [frame.raw for frame in Decoder().feed(BODY)]
    coarse = chunks(played("rechunk=coarse"))
    assert {len(chunk) for chunk in coarse[:-1]} == {4096}
    assert chunks(played("buffered")) == [BODY]
    for fault in ("rechunk=byte", "rechunk=event", "rechunk=coarse", "rechunk=utf8", "buffered"):
        assert b"".join(chunks(played(fault))) == BODY


def test_a_character_and_a_line_end_are_split() -> None:
    split = [chunk for chunk in chunks(played("rechunk=utf8")) if not is_text(chunk)]
    assert len(split) >= 2 * sum(len(letter.encode()) > 1 for letter in set(WORDS))
    pieces = chunks(played("rechunk=crlf"))
    assert all(piece.endswith(b"\r") for piece in pieces if piece not in (b"\n", pieces[-1]))
    assert all(b"\r\n" not in piece for piece in pieces)
    assert b"".join(pieces) == BODY.replace(b"\n", b"\r\n")


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_a_stalled_stream_stays_open_until_the_client_hangs_up() -> None:
    with ReplayServer({"": played("stall@3")}) as server:
        parts = urlsplit(server.url)
        with socket.create_connection((parts.hostname, parts.port), timeout=60) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            received = b""
            while b'"sequence_number":2}' not in received:
                received += connection.recv(65536)
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(65536)
        assert ask_all(server.url) != b""  # the next client is served


def ask_all(url: str) -> bytes:
    parts = urlsplit(url)
    with closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read(100)


def test_times_are_those_that_were_asked_for_at_any_speed() -> None:
    assert [at for at, _ in played("slow=50ms").pieces] == [n * SECOND // 20 for n in range(13)]
    assert [at for at, _ in played("slow").pieces][-1] == 12 * SECOND // 5
    assert [at for at, _ in played("gap=1.5s@4").pieces] == [0] * 4 + [3 * SECOND // 2] * 9
    assert played("stall=30s@2").stall_ns == 30 * SECOND
    assert played("stall@2").break_off is BreakOff.STALL


def test_an_event_says_where() -> None:
    frames = [frame.raw for frame in Decoder().feed(BODY)]
    assert sent(played("cut@3")) == b"".join(frames[:3])
    assert sent(played("half-event@3")) == b"".join(frames[:3]) + frames[3][: len(frames[3]) // 2]
    assert sent(played("no-blank-line@3")) == b"".join([*frames[:3], frames[3][:-1], *frames[4:]])
    assert sent(played("cut")) == b"".join(frames[:6])
    assert len({sent(played("cut", seed=seed)) for seed in range(30)}) > 5


def test_headers_and_statuses() -> None:
    refused = played("status=503")
    assert (refused.status, dict(refused.headers)["Retry-After"]) == (503, "1")
    assert json.loads(sent(refused))["error"]["message"] == "HTTP 503, as requested"
    both = played("retry-after=7", "status=500")
    assert (both.status, dict(both.headers)["Retry-After"]) == (500, "7")
    assert dict(played("content-type=text/plain").headers)["Content-Type"] == "text/plain"
    assert dict(played("encoding-lie").headers)["Content-Encoding"] == "gzip"
    assert sent(played("encoding-lie=unsaid"))[:2] == b"\x1f\x8b"


def test_faults_are_put_together() -> None:
    both = played("MD301", "keepalive-comments", "crlf", "AG602@10", "content-type")
    assert {finding.code for finding in check(sent(both)).findings} == {"MD301", "AG602"}
    assert b"\n" not in sent(both).replace(b"\r\n", b"")
    assert dict(both.headers)["Content-Type"] == "application/json"


def test_events_are_counted_in_the_stream_as_it_was() -> None:
    frames = check(sent(played("SC807@4", "SC804@7"))).findings
    assert sorted((finding.code, finding.position) for finding in frames) == [("SC804", 8), ("SC807", 4)]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("rechunk", "rechunk takes one of byte, event, coarse, utf8, crlf"),
        ("rechunk=word", "rechunk takes one of byte, event, coarse, utf8, crlf"),
        ("rechunk=byte@3", "rechunk is about the whole response, and takes no @EVENT"),
        ("stall=soon", "stall=soon: expected a time up to an hour, like 30s or 200ms"),
        ("stall=7200s", "stall=7200s: expected a time up to an hour"),
        ("slow=-1s", "slow=-1s: expected a time up to an hour"),
        ("status=200", "status=200: an HTTP error is from 400 to 599"),
        ("status=teapot", "status=teapot: 'teapot' isn't a number"),
        ("cut=3", "cut takes no argument"),
        ("cut@13", "cut cannot be planted at event 13: the stream has 13, from 0 to 12"),
        ("no-done", "no-done cannot be planted in this stream: it has no [DONE]"),
        ("error-mid=often", "error-mid=often: only =failed is known"),
        ("encoding-lie=br", "encoding-lie=br: only =unsaid is known"),
    ],
)
def test_what_cannot_be_done_says_why(fault: str, words: str) -> None:
    with pytest.raises(CannotPlant) as raised:
        played(fault)
    assert str(raised.value).startswith(words)


def test_a_stream_of_ascii_has_no_character_to_split() -> None:
    with pytest.raises(CannotPlant, match="it has no character of several bytes"):
        played("rechunk=utf8", body=MARKED)


@pytest.mark.parametrize("body", [b"", b"hello", b": ping\n\n", b'data: {"type":7}\n\n'])
def test_a_body_without_events_has_the_fault_or_says_why_not(body: bytes) -> None:
    for fault in every_fault():
        try:
            playback = played(fault, body=body)
        except CannotPlant as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert playback.status in (200, 429, 500, 503)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("TM002", "TM002 is about the transport: take gap"),
        ("WS001", "WS001 (responses-multiplexed) cannot be planted"),
        ("TR906", "TR906 is about the transport: take content-type"),
        ("TM001", "TM001 is about the transport: take buffered"),
        ("stal", "there is no fault 'stal'; did you mean stall"),
        ("keepalive", "there is no fault 'keepalive'; did you mean keepalive-"),
    ],
)
def test_an_unknown_fault_offers_names_like_it(name: str, words: str) -> None:
    with pytest.raises(UnusableInput) as raised:
        fault_named(name)
    assert words in str(raised.value)


def chaos(seed: int, rate: float = 0.5, faults: tuple[str, ...] = ()) -> tuple[list[Playback], list[str]]:
    notes: list[str] = []
    answers = Chaos(draft_of(find_stream(str(UNICODE)), 0), rate, seed, [fault_named(f) for f in faults], notes.append)
    return [answers(Asked("POST", "/", {})) for _ in range(40)], notes


def test_chaos_is_the_same_for_the_same_seed_and_names_what_it_did() -> None:
    playbacks, notes = chaos(3)
    assert (playbacks, notes) == chaos(3)
    assert notes != chaos(4)[1]
    right = played().pieces
    changed = [n for n, p in enumerate(playbacks, 1) if p != Playback(p.status, p.headers, right)]
    assert 10 < len(notes) < 30
    assert set(changed) <= {int(note.split()[1].rstrip(":")) for note in notes}


def test_chaos_takes_the_faults_that_are_given_at_the_given_rate() -> None:
    assert chaos(1, 0)[1] == []
    assert len(chaos(1, 1)[1]) == 40
    assert {note.split()[2] for note in chaos(1, 1, ("MD301", "cut"))[1]} == {"MD301", "cut"}
    assert chaos(1, 1, ("MD303",))[1] == []  # the stream can't have it


def test_a_recorded_stream_keeps_its_times(tmp_path: Path) -> None:
    playbacks = {"/": planted(draft_of_body(BODY), [fault_named("slow=30ms")]).playback()}
    db = tmp_path / "a.db"
    with ReplayServer(playbacks) as upstream, Proxy(db, upstream=upstream.url, on_notice=lambda _: None) as proxy:
        ask(proxy.base_url, "/v1/responses")
    draft = draft_of(find_stream(f"{db}#1"))
    times = [block.at_ns or 0 for block in draft.blocks]
    assert times == sorted(times)
    assert len(set(times)) > 1
    assert [block.at_ns for block in planted(draft, [fault_named("MD301")]).blocks] == times[:9] + times[10:]
