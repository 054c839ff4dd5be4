"""Whatever the pieces in which messages are appended, read, committed and taken over, each is read once, in order."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.spooled import KEY

from responses_tap.recorder.messages import MessageKind, encode_message
from responses_tap.recorder.spool import COMMITTED, Spool
from responses_tap.recorder.worker_side import spool_reader
from responses_tap.recorder.worker_side.spool_reader import SpoolReader

payloads = st.binary(max_size=60) | st.integers(0, 9000).map(bytes)
type Sent = list[tuple[MessageKind, int, int, bytes]]

messages = st.lists(
    st.tuples(st.sampled_from(list(MessageKind)), st.integers(0, 9), st.integers(0, 2**40), payloads), max_size=20
)


@given(messages, st.data(), st.booleans())
def test_each_message_is_read_once(sent: Sent, data: st.DataObject, of_os: bool) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(spool_reader, "_READ_BYTES", 100)
        patched.setattr(spool_reader, "_STEP_BYTES", 1)
        if not of_os:
            patched.delattr(os, "memfd_create", raising=False)
        spool = Spool.create(KEY)
        try:
            _read_once(spool, sent, data)
        finally:
            spool.close()


def _read_once(spool: Spool, sent: Sent, data: st.DataObject) -> None:
    rest = b"".join(encode_message(int(kind), *facts) for kind, *facts in sent)
    reader, got, kept = SpoolReader(spool), [], []
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        spool.append(rest[:size])
        rest = rest[size:]
        while read := reader.read():
            got += read
            kept += data.draw(st.lists(st.sampled_from(read), max_size=2, unique=True).map(sorted_by_place))
            reader.commit(reader.at, kept)
            assert reader.again([message.place for message in kept]) == kept
            if data.draw(st.booleans()):  # a worker dies, and another reads on
                reader = SpoolReader(spool)
                reader.at = spool.head[COMMITTED]
    assert [message[:4] for message in got] == sent


def sorted_by_place(some: list) -> list:
    return sorted(some, key=lambda message: message.place)
