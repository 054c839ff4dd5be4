"""What a worker finds of those before it: flows of its own session go on, those of others have been killed."""

import json
from collections.abc import Iterator

from responses_tap.recorder.livestream import LiveStream
from responses_tap.recorder.messages import End
from responses_tap.recorder.sockets import LiveSocket
from responses_tap.store.writer import Writer

LEFT = {"state": "truncated", "ended_by": "recorder"}
"""How streams are left that the recorder could not follow to their end."""
_KILLED = End("recorder", "the recorder was killed", complete=False)


def handled(writer: Writer, session: str) -> int:
    """The number of the session's last batch that is in the file."""
    of, _, number = str(writer.meta("batch").get("batch", "")).partition(":")
    return int(number) if of == session else 0


def flows(writer: Writer, session: str, profile: str) -> Iterator[tuple[int, int, LiveStream | LiveSocket]]:
    """The session's flows that are open, each with its number and start; those of other sessions are ended."""
    yield from _streams(writer, session, profile)
    yield from _sockets(writer, session, profile)


def _streams(writer: Writer, session: str, profile: str) -> Iterator[tuple[int, int, LiveStream]]:
    for key, value in writer.meta("flow:*").items():
        _, of, flow = key.split(":")
        stream_id, start = json.loads(value)
        recording = writer.recording()
        row = recording.stream(stream_id)
        stream = None if row is None else LiveStream.restore(row, recording, writer, profile)
        if stream is not None and of == session:
            yield int(flow), start, stream
            continue
        writer.set_meta(key, None)
        if stream is not None:
            stream.end(_KILLED, stream.last_byte_ns)
            stream.publish()  # nobody waits for the notices of another session


def _sockets(writer: Writer, session: str, profile: str) -> Iterator[tuple[int, int, LiveSocket]]:
    for key, value in writer.meta("socket:*").items():
        _, of, flow = key.split(":")
        socket_id, start = json.loads(value)
        recording = writer.recording()
        row = recording.socket(socket_id)
        if row is not None and of == session:
            yield int(flow), start, LiveSocket.restore(int(flow), row, recording, writer, profile)
        else:
            writer.set_meta(key, None)
            writer.leave_socket(socket_id, LEFT | {"end_reason": _KILLED.reason})
