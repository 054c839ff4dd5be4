"""A stream of the Responses API as its timeline, in mitmproxy and mitmweb."""

from pathlib import Path

from mitmproxy import ctx
from mitmproxy.contentviews import Contentview, Metadata
from mitmproxy.flow import Flow

from responses_tap.errors import RecordingError
from responses_tap.mitm.flow_marks import LINK
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.sse import decode
from responses_tap.store import open_recording
from responses_tap.stream.judging import checker_for, judged
from responses_tap.stream.model import Entry, Stream, TimedFrame
from responses_tap.stream.timeline import render, timeline

_HEAD = 4096
_ABOVE_OTHERS = 2.0
"""mitmproxy's own views return 1 for content they are made for."""


class ResponsesContentview(Contentview):
    """The view. Its times are those of the recording, while that has the stream."""

    @property
    def name(self) -> str:
        """The view's name in mitmproxy's menus."""
        return "Responses"

    def prettify(self, data: bytes, metadata: Metadata) -> str:
        """The timeline with the findings in place."""
        entries, findings = _recorded(metadata.flow) or _checked(data)
        return "\n".join(render(timeline(entries, findings)))

    def render_priority(self, data: bytes, metadata: Metadata) -> float:
        """Above all others for an event stream that begins like one of this API, never for anything else."""
        is_stream = metadata.content_type == "text/event-stream" and b'"response.' in data[:_HEAD]
        return _ABOVE_OTHERS if is_stream else -1


def _recorded(flow: Flow | None) -> tuple[list[Entry], list[Finding]] | None:
    """The recorded stream of a flow; None where it wasn't recorded, or its file is gone."""
    streams = flow.metadata.get(LINK, []) if flow is not None else []
    if len(streams) != 1:
        return None
    path, _, id_ = streams[0].rpartition("#")
    try:
        with open_recording(Path(path)) as recording:
            row = recording.stream(int(id_))
            if row is None or row.state == "open":
                return None
            return list(recording.entries(row.id)), recording.findings(row.id)
    except RecordingError:
        return None


def _checked(data: bytes) -> tuple[list[Entry], list[Finding]]:
    stream = Stream(map(TimedFrame, decode([data])))
    checker = checker_for(stream, ctx.options.tap_profile)
    return list(judged(stream, checker)), checker.findings
