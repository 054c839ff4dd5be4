"""mitmproxy's hooks and nothing else: each takes the time and passes data on, the recorder does the rest.

mitmproxy catches and logs an error in a hook; the one callback that it doesn't guard guards itself.
"""

import logging
import os
import re
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from mitmproxy import contentviews, ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.connection import Client
from mitmproxy.exceptions import OptionsError
from mitmproxy.http import Headers, HTTPFlow
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.utils import human

from responses_tap.escaping import printable
from responses_tap.mitm.contentview import ResponsesContentview
from responses_tap.mitm.endings import TcpConnections, end_of, end_of_socket
from responses_tap.mitm.flow_marks import FlowMarks
from responses_tap.mitm.splice import Splicer
from responses_tap.privacy.masking import Masker
from responses_tap.protocol.profiles import DEFAULT_PROFILE, PROFILES
from responses_tap.recorder.messages import (
    EndingMessage,
    FindingMade,
    Hint,
    MessageKind,
    Notice,
    RequestMessage,
    ResponseMessage,
    SocketMessage,
    Trouble,
    Unmatched,
)
from responses_tap.recorder.proxy_side.supervisor import WorkerSupervisor
from responses_tap.recorder.proxy_side.tap import Tap
from responses_tap.recorder.recorder_settings import RecorderSettings
from responses_tap.store import RecordingError
from responses_tap.store.shares import MOST_PROCESSES, Share
from responses_tap.stream.file_values import timestamp
from responses_tap.stream.filters import FilterError, parse

DEFAULT_DB = "recordings/responses.db"
"""The file to record into by default."""

_OPTIONS = ("tap_db", "tap_profile", "tap_only", "tap_max_size", "tap_keep", "tap_share")
_LEAST_SIZE = 2**20
_MOST_NAMES = 100
_LONGEST_NAME = 100
_OTHERS = "others"
_ONE_RESPONSE = re.compile("/responses/[^/]+$")
_log = logging.getLogger(__name__)


def log_notice(notice: Notice) -> None:
    """Log a notice: errors of a stream and of the recorder as warnings, and nothing of what isn't recorded."""
    if isinstance(notice, Unmatched):
        return
    serious = isinstance(notice, Trouble | Hint) or (isinstance(notice, FindingMade) and notice.severity == "error")
    _log.log(logging.WARNING if serious else logging.INFO, "%s", printable(str(notice)))


class Capture:
    """The addon. `on_notice` receives the recorder's notices, on one of its threads."""

    def __init__(self, on_notice: Callable[[Notice], object] = log_notice) -> None:
        self._on_notice = on_notice
        self._supervisor: WorkerSupervisor | None = None
        self._marks: FlowMarks | None = None
        self._settings: tuple[str, ...] | None = None
        self._connections = TcpConnections()
        self._taps: weakref.WeakKeyDictionary[HTTPFlow, Tap] = weakref.WeakKeyDictionary()
        self.passed = Counter[str]()
        """Requests recorded only if an event stream answers, by method and path; rare ones under `_OTHERS`."""
        self._masker = Masker()
        self._splicer = Splicer()
        self._bodies: weakref.WeakKeyDictionary[HTTPFlow, bytearray] = weakref.WeakKeyDictionary()

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        db = os.environ.get("RESPONSES_TAP_DB", DEFAULT_DB)
        loader.add_option("tap_db", str, db, "The file to record streams of the Responses API into.")
        loader.add_option("tap_only", str, "", "Keep only the streams that this filter lets pass.")
        loader.add_option("tap_keep", str, "", "Names of headers and parameters that are not masked: a,b.")
        loader.add_option("tap_max_size", str, "", "Begin another file, FILE-2.db, at this size: 500m, 2g.")
        loader.add_option("tap_profile", str, DEFAULT_PROFILE, "What to hold them against.", sorted(PROFILES))
        loader.add_option("tap_share", str, "", "Which of several processes this is that record together: 2/4.")
        loader.add_option("tap_splice", bool, True, "Pass event streams on past mitmproxy's layers, where it is safe.")
        contentviews.add(ResponsesContentview)

    def configure(self, updated: set[str]) -> None:
        """Start a recorder with these options; OptionsError if it cannot write the file."""
        self._splicer.configure()
        settings = tuple(getattr(ctx.options, name) for name in _OPTIONS)
        if updated.isdisjoint(_OPTIONS) or settings == self._settings:
            return
        db, profile, only, max_size, keep, share = settings
        _check(profile, only)
        names = tuple(name.strip() for name in keep.split(",") if name.strip())
        recorder = RecorderSettings(profile, only, _size(max_size), names, _share(share))
        if self._settings is not None and self._settings[0] == settings[0]:
            self.done()  # a file has one writer at a time
        marks = FlowMarks()

        def on_notice(notice: Notice) -> None:
            marks.take(notice)
            self._on_notice(notice)

        try:
            later = ctx.master.event_loop.call_later
            supervisor = WorkerSupervisor(Path(db).expanduser(), recorder, on_notice, later)
        except RecordingError as error:
            raise OptionsError(str(error)) from None  # type: ignore[no-untyped-call]
        self.done()
        self._supervisor, self._settings, self._marks = supervisor, settings, marks

    def report(self, notice: Notice) -> None:
        """Report a notice via the recorder's queue, so that the proxy never waits for it to be shown."""
        if self._supervisor is not None:
            self._supervisor.report(notice)

    def client_connected(self, client: Client) -> None:
        """Remember the connection, to see later who closed it."""
        self._connections.watch(client, client)

    def server_connected(self, data: ServerConnectionHookData) -> None:
        """Remember the connection, to see later who closed it."""
        self._connections.watch(data.client, data.server)

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Record a request that is relayed piece by piece, as with the option `stream_large_bodies`."""
        if flow.request.stream and _is_expected(flow) and self._supervisor is not None:
            self._open(flow, expected=True, is_upload=True)
            flow.request.stream = _relay(self._taps[flow].upload, flow.request.stream)

    def request(self, flow: HTTPFlow) -> None:
        """Begin to record if the request is enough to tell that it should be."""
        if tap := self._taps.get(flow):
            tap.sent()
        elif _is_expected(flow):
            self._open(flow, expected=True)
        elif not _is_handshake(flow):
            self._count(flow)

    def responseheaders(self, flow: HTTPFlow) -> None:
        """Relay event streams, and everything else that is recorded, chunk by chunk."""
        assert flow.response is not None
        is_stream = flow.response.headers.get("content-type", "").lower().startswith("text/event-stream")
        refused = _is_handshake(flow) and flow.response.status_code != HTTPStatus.SWITCHING_PROTOCOLS
        if (is_stream or refused) and flow not in self._taps:
            self._open(flow, expected=refused)
        if tap := self._taps.get(flow):
            tap.response(ResponseMessage(flow.response.status_code, _pairs(flow.response.headers)))
            before = flow.response.stream
            relay: _Stream = tap.relay()
            if _has_screens():
                relay = _relay(self._bodies.setdefault(flow, bytearray()).extend, relay)
            flow.response.stream = _relay(relay, before) if callable(before) else relay
            if not callable(before):
                self._splicer.begin(flow)

    def response(self, flow: HTTPFlow) -> None:
        """The response is complete."""
        self._end(flow, EndingMessage("server", "the server ended the response", complete=True))

    def error(self, flow: HTTPFlow) -> None:
        """The flow broke off."""
        if _is_handshake(flow) and flow.response is None:
            self._open(flow, expected=True)
        if flow in self._taps:
            self._end(flow, end_of(flow, self._connections))

    def websocket_start(self, flow: HTTPFlow) -> None:
        """Begin to record a socket of this API."""
        if _is_handshake(flow) and flow.response is not None:
            self._open(flow, expected=True, kind=MessageKind.SOCKET)
            if tap := self._taps.get(flow):
                tap.response(ResponseMessage(flow.response.status_code, _pairs(flow.response.headers)))

    def websocket_message(self, flow: HTTPFlow) -> None:
        """A message is under way: it passes unchanged."""
        assert flow.websocket is not None
        tap, message = self._taps.get(flow), flow.websocket.messages[-1]
        if tap and not message.dropped:
            tap.message(SocketMessage(message.from_client, message.is_text, message.content))
        if tap and not ctx.options.store_streamed_bodies and not _has_screens():
            # mitmproxy would keep all messages while the socket is open; other addons look at the last one.
            del flow.websocket.messages[:-1]

    def websocket_end(self, flow: HTTPFlow) -> None:
        """The socket is closed."""
        if tap := self._taps.pop(flow, None):
            tap.end(end_of_socket(flow, self._connections))

    def done(self) -> None:
        """Write everything that has been captured."""
        if self._supervisor is not None:
            self._supervisor.close()
        self._supervisor = self._settings = None

    def _count(self, flow: HTTPFlow) -> None:
        name = f"{flow.request.method} {self._masker.url(_path(flow))}"[:_LONGEST_NAME]
        self.passed[name if name in self.passed or len(self.passed) < _MOST_NAMES else _OTHERS] += 1

    def _open(
        self, flow: HTTPFlow, *, expected: bool, kind: MessageKind = MessageKind.REQUEST, is_upload: bool = False
    ) -> None:
        if self._supervisor is not None:
            self._taps[flow] = self._supervisor.open(
                *_request_message(flow, expected=expected, is_upload=is_upload), kind
            )
            assert self._marks is not None
            self._marks.watch(self._taps[flow].flow, flow)

    def _end(self, flow: HTTPFlow, ending: EndingMessage) -> None:
        self._splicer.end(flow)
        if tap := self._taps.pop(flow, None):
            tap.end(ending)
        if (body := self._bodies.pop(flow, None)) is not None and flow.response is not None:
            flow.response.raw_content = bytes(body)


type _Stream = Callable[[bytes], Iterable[bytes] | bytes]
type _Take = Callable[[bytes], object]


def _relay(take: _Take, stream: _Stream | bool) -> _Stream:
    """The callback for each chunk: we `take` it, and it passes unchanged, or as an addon before us changes it."""
    relay = stream if callable(stream) else None
    failed = False

    def relayed(data: bytes) -> Iterable[bytes] | bytes:
        nonlocal failed
        try:
            if data:
                take(data)
        except Exception as error:  # noqa: BLE001 (whatever happens, the client gets its bytes)
            if not failed:
                _log.error("a stream cannot be recorded further: %r", error)
            failed = True
        return relay(data) if relay else data

    return relayed


def _has_screens() -> bool:
    """Whether this is mitmproxy or mitmweb, which show bodies, but drop streamed ones."""
    return ctx.master.addons.get("view") is not None  # type: ignore[no-untyped-call]


def _size(text: str) -> int:
    """The bytes in a size like 500k, 100m or 2GB, 0 for no limit; OptionsError where it isn't a size."""
    try:
        size = human.parse_size(text.lower().removesuffix("b") or None) or 0
    except ValueError:
        size = -1
    if text and size < _LEAST_SIZE:
        raise OptionsError(f"invalid size {text!r}: expected a size such as 100m or 2g, at least 1m")  # type: ignore[no-untyped-call]
    return size


def _share(text: str) -> Share:
    """The share in a text like 2/4, all of it in an empty one; OptionsError for anything else."""
    number, slash, processes = text.partition("/")
    if not text:
        return Share()
    if not (
        slash and number.isdecimal() and processes.isdecimal() and 0 < int(number) <= int(processes) <= MOST_PROCESSES
    ):
        raise OptionsError(f"{text!r} is no share of a recording; give one like 2/4, of at most {MOST_PROCESSES}")  # type: ignore[no-untyped-call]
    return Share(int(number), int(processes))


def _check(profile: str, only: str) -> None:
    """Raise OptionsError unless the profile and the filter are valid."""
    if profile not in PROFILES:
        raise OptionsError(f"unknown profile {profile!r}; expected one of {', '.join(sorted(PROFILES))}")  # type: ignore[no-untyped-call]
    try:
        wanted = parse(only)
    except FilterError as error:
        raise OptionsError(f"the filter {only!r} cannot be read {error}") from error  # type: ignore[no-untyped-call]
    if wanted.asks_text:
        raise OptionsError(f"the filter {only!r} asks for text:, which only recorded streams can be searched for")  # type: ignore[no-untyped-call]


def _path(flow: HTTPFlow) -> str:
    return flow.request.path.partition("?")[0].rstrip("/")


def _is_expected(flow: HTTPFlow) -> bool:
    """Whether a request is to this API."""
    method, path = flow.request.method, _path(flow)
    return (method == "POST" and path.endswith("/responses")) or (
        method == "GET" and _ONE_RESPONSE.search(path) is not None
    )


def _is_handshake(flow: HTTPFlow) -> bool:
    """Whether a request asks for a WebSocket of this API."""
    upgrade = flow.request.headers.get("upgrade", "").lower()
    return upgrade == "websocket" and flow.request.method == "GET" and _path(flow).endswith("/responses")


def _pairs(headers: Headers) -> list[tuple[str, str]]:
    return [(name.decode(errors="replace"), value.decode(errors="replace")) for name, value in headers.fields]


def _request_message(flow: HTTPFlow, *, expected: bool, is_upload: bool) -> tuple[RequestMessage, int]:
    """The request, and when it was complete, or an upload began, in nanoseconds of the monotonic clock."""
    request = flow.request
    complete = request.timestamp_end or request.timestamp_start
    at_ns = time.monotonic_ns() - int((time.time() - complete) * 1e9)
    started_at = timestamp(datetime.fromtimestamp(complete, UTC))
    return (
        RequestMessage(
            request.method,
            request.pretty_url,
            request.pretty_host,
            request.http_version,
            _pairs(request.headers),
            started_at,
            expected,
            request.raw_content or b"",
            "websocket" if _is_handshake(flow) else "sse",
            is_upload,
        ),
        at_ns,
    )
