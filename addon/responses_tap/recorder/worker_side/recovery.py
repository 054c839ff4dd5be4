"""What a worker finds of those before it: flows of its own session go on, those of others have been killed."""

import json
from collections.abc import Iterator, Sequence

from responses_tap.recorder.messages import EndingMessage, Message
from responses_tap.recorder.worker_side.body import described, failure
from responses_tap.recorder.worker_side.socket_recorder import SocketRecorder
from responses_tap.recorder.worker_side.stream_recorder import StreamRecorder
from responses_tap.recorder.worker_side.trials import Trial
from responses_tap.store.writer import Writer
from responses_tap.stream.storable import Value

LEFT = {"state": "truncated", "ended_by": "recorder"}
"""How streams are left that the recorder could not follow to their end."""
_KILLED = EndingMessage("recorder", "the recorder was killed", complete=False)


def place(writer: Writer, session: str, committed: int) -> int:
    """The offset of the session's first message that isn't in the file; `committed` is what the spool says.

    A file that somebody has replaced knows of none, or of one that has been given back.
    """
    of, _, offset = str(writer.meta("place").get("place", "")).partition(":")
    return max(int(offset), committed) if of == session else committed


def marks(session: str, offset: int, undecided: Sequence[Message] = ()) -> dict[str, Value]:
    """What a file says of the session: where its first message begins that isn't in the file, and what is undecided."""
    places = [message.place for message in undecided]
    return {"place": f"{session}:{offset}", "undecided": json.dumps([session, places])}


def undecided(writer: Writer, session: str) -> list[int]:
    """The offsets of messages before it whose flows were not decided on."""
    of, places = json.loads(str(writer.meta("undecided").get("undecided", '["", []]')))
    return places if of == session else []


def flows(
    writers: Sequence[Writer], session: str, profile: str
) -> Iterator[tuple[int, int, StreamRecorder | SocketRecorder]]:
    """The session's flows that are open, each with its number and start; those of other sessions are ended.

    `writers` begins with the current file's: a worker may have been killed between the two commits that let a socket
    go over to it from another.
    """
    sockets: set[int] = set()
    for writer in writers:
        yield from _streams(writer, session, profile)
        yield from _sockets(writer, session, profile, sockets)


def _restored(writer: Writer, key: str, stream_id: int, profile: str) -> StreamRecorder | None:
    """The stream as its rows tell; None where there is none, or where they cannot be understood."""
    try:
        with Trial(writer, key) as trial:
            recording = writer.recording()
            row = recording.stream(stream_id)
            if row is not None and not trial.has_killed:
                return StreamRecorder.restore(row, recording, writer, profile)
            fault = "a worker died of its rows"
    except Exception as error:  # noqa: BLE001 (whatever its rows are like, the others go on)
        fault = described(error)
    writer.set_stream(stream_id, {**LEFT, "end_reason": failure(fault)})
    return None


def _restored_socket(writer: Writer, key: str, socket_id: int, flow: int, profile: str) -> SocketRecorder | None:
    try:
        with Trial(writer, key) as trial:
            recording = writer.recording()
            row = recording.socket(socket_id)
            if row is not None and not trial.has_killed:
                return SocketRecorder.restore(flow, row, recording, writer, profile)
    except Exception:  # noqa: BLE001 (as above)
        return None
    return None


def _streams(writer: Writer, session: str, profile: str) -> Iterator[tuple[int, int, StreamRecorder]]:
    for key, value in writer.meta("flow:*").items():
        _, of, flow = key.split(":")
        stream_id, start = json.loads(value)
        stream = _restored(writer, key, stream_id, profile)
        if stream is not None and of == session:
            yield int(flow), start, stream
            continue
        writer.set_meta(key, None)
        if stream is not None:
            stream.end(_KILLED, stream.last_byte_ns)
            stream.publish()  # nobody waits for the notices of another session


def _sockets(writer: Writer, session: str, profile: str, seen: set[int]) -> Iterator[tuple[int, int, SocketRecorder]]:
    for key, value in writer.meta("socket:*").items():
        _, of, flow = key.split(":")
        socket_id, start = json.loads(value)
        if of == session and int(flow) in seen:
            writer.set_meta(key, None)
            continue
        socket = _restored_socket(writer, key, socket_id, int(flow), profile) if of == session else None
        if socket is not None:
            seen.add(int(flow))
            yield int(flow), start, socket
        else:
            writer.set_meta(key, None)
            writer.leave_socket(socket_id, LEFT | {"end_reason": _KILLED.reason})
