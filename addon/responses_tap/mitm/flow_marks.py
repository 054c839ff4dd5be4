"""FlowMarks flows in mitmproxy's own screens with what was found in their streams."""

import asyncio
import contextlib
from weakref import WeakValueDictionary

from mitmproxy import ctx
from mitmproxy.hooks import UpdateHook
from mitmproxy.http import HTTPFlow

from responses_tap.recorder.messages import FindingMade, Notice, StreamStarted

LINK = "responses_tap"
"""The entry of a flow's metadata with its streams, each as the command line takes it: FILE.db#ID."""
_MARKS = {"error": ":red_circle:", "warning": ":yellow_circle:"}
"""mitmproxy's names of the marks, by severity; the worse first."""


class FlowMarks:
    """What connects flows with the notices about their streams; flows that nobody else keeps are let go."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop = ctx.master.event_loop
        self._flows: WeakValueDictionary[int, HTTPFlow] = WeakValueDictionary()
        self._streams: WeakValueDictionary[int, HTTPFlow] = WeakValueDictionary()

    def watch(self, number: int, flow: HTTPFlow) -> None:
        """From now on `flow` is what the recorder calls by this number."""
        self._flows[number] = flow

    def take(self, notice: Notice) -> None:
        """Take a notice; on any thread. The flow changes on mitmproxy's own."""
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
    if flow.marked in ours[: ours.index(mark)]:  # a person's own mark stays
        flow.marked = mark
    flow.comment = ", ".join(filter(None, [flow.comment, f"{finding.code} {finding.name}"]))
    ctx.master.addons.trigger(UpdateHook([flow]))
