"""Marks flows in mitmproxy's own screens with the findings of their streams."""

import asyncio
import contextlib
from weakref import WeakValueDictionary

from mitmproxy import ctx
from mitmproxy.hooks import UpdateHook
from mitmproxy.http import HTTPFlow

from responses_tap.recorder.messages import FindingMade, Notice, StreamStarted

LINK = "responses_tap"
"""The key of a flow's metadata with its streams, each as on the command line: FILE.db#ID."""
_MARKS = {"error": ":red_circle:", "warning": ":yellow_circle:"}
"""mitmproxy's names of the marks, by severity, the worst first."""


class FlowMarks:
    """Connects flows with the notices about their streams; the references to flows are weak."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop = ctx.master.event_loop
        self._flows: WeakValueDictionary[int, HTTPFlow] = WeakValueDictionary()
        self._streams: WeakValueDictionary[int, HTTPFlow] = WeakValueDictionary()

    def watch(self, number: int, flow: HTTPFlow) -> None:
        """From now on, this number of the recorder's stands for `flow`."""
        self._flows[number] = flow

    def take(self, notice: Notice) -> None:
        """Take a notice, on any thread. The flow is changed on mitmproxy's own thread."""
        if isinstance(notice, StreamStarted | FindingMade):
            with contextlib.suppress(RuntimeError):  # mitmproxy has ended, and its loop is closed
                self._loop.call_soon_threadsafe(self._apply, notice)

    def _apply(self, notice: StreamStarted | FindingMade) -> None:
        if isinstance(notice, StreamStarted) and (flow := self._flows.get(notice.flow)) is not None:
            self._streams[notice.stream] = flow
            flow.metadata[LINK] = [*flow.metadata.get(LINK, []), f"{notice.path}#{notice.stream}"]
        elif isinstance(notice, FindingMade) and notice.severity in _MARKS:
            flow = self._streams.get(notice.stream)
            if flow is not None and notice.code not in flow.comment:
                _mark(flow, notice)


def _mark(flow: HTTPFlow, finding: FindingMade) -> None:
    ours = ["", *reversed(_MARKS.values())]
    mark = _MARKS[finding.severity]
    if flow.marked in ours[: ours.index(mark)]:  # a mark set by the user stays
        flow.marked = mark
    flow.comment = ", ".join(filter(None, [flow.comment, f"{finding.code} {finding.name}"]))
    ctx.master.addons.trigger(UpdateHook([flow]))
