"""Chunks read as one piece: what h11 reads of them, to the byte and the error, wherever the reads are cut."""

import h11
from h11._readers import ChunkedReader
from h11._receivebuffer import ReceiveBuffer
from hypothesis import given
from hypothesis import strategies as st

from responses_tap.mitm.coalesce import ChunkedBody

payloads = st.binary(min_size=1, max_size=40) | st.sampled_from([b"\r\n", b"0\r\n\r\n", b"5\r\nabcde\r\n"])
"""Of a chunk; some look like framing."""
oddities = st.sampled_from(
    [
        *(b"0\r\n\r\n", b"000\r\n\r\n", b"0\r\nx-checksum: 1\r\n\r\n", b"0;a=b\r\n\r\n"),
        *(b"5;ext\r\nabcde\r\n", b'5 ;a="b"\r\nabcde\r\n', b"5 \r\nabcde\r\n", b"0" * 17 + b"5\r\nabcde\r\n"),
        *(b"zz\r\n", b"\r\n", b"-1\r\n", b"1" * 21 + b"\r\n", b" 5\r\nabcde\r\n", b"5\nabcde\r\n", b"\x00"),
        *(b"5\r\nabcdeXY5\r\n", b"5\r\nabcde\rX", b"5", b"5\r", b"5\r\nabc"),
    ]
)
"""Last chunks, trailers, extensions, what is illegal, and what is cut."""


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    """A chunk, its size written as a server may write it."""
    data = draw(payloads)
    size = b"%x" % len(data)
    size = draw(st.sampled_from([size, size.upper(), b"0" * draw(st.integers(1, 20)) + size]))
    return size + b"\r\n" + data + b"\r\n"


wires = st.lists(chunks() | oddities, max_size=12).map(b"".join)


@st.composite
def cut(draw: st.DrawFn, source: st.SearchStrategy[bytes] = wires) -> list[bytes]:
    """What arrives, read by read."""
    wire = draw(source)
    places = sorted(draw(st.lists(st.integers(0, len(wire)), max_size=12)))
    return [wire[start:end] for start, end in zip([0, *places], [*places, len(wire)], strict=True)]


class Reading:
    """What mitmproxy makes of a body reader: as `Http1Connection.read_body` does."""

    def __init__(self) -> None:
        self.reader: ChunkedReader | ChunkedBody = ChunkedReader()
        self.buffer = ReceiveBuffer()
        self.log: list[bytes] = []
        """The payload of each read; then the end, or the error."""
        self.is_over = False

    def take(self, data: bytes) -> None:
        self.buffer += data
        payload = b""
        try:
            while not self.is_over and (event := self.reader(self.buffer)) is not None:
                if isinstance(event, h11.EndOfMessage):
                    self.log += [payload, b"end %r" % event.headers]
                    self.is_over = True
                    return
                payload += event.data
        except h11.ProtocolError as error:
            self.log += [payload, str(error).encode()]
            self.is_over = True
            return
        self.log.append(payload)

    def end(self) -> list[bytes]:
        if not self.is_over:
            try:
                self.reader.read_eof()
            except h11.ProtocolError as error:
                self.log.append(str(error).encode())
        return [*self.log, bytes(self.buffer)]


@given(cut(), st.integers(0, 12))
def test_it_reads_what_h11_reads(reads: list[bytes], taken_over_at: int) -> None:
    """Every read has the same payload, and the end, the error and what remains unread are the same."""
    theirs, ours = Reading(), Reading()
    for n, data in enumerate(reads):
        if n == taken_over_at:
            ours.reader = ChunkedBody(ours.reader)
        theirs.take(data)
        ours.take(data)
    assert ours.end() == theirs.end()


@given(cut())
def test_a_read_that_is_not_plain_is_left_as_it_is(reads: list[bytes]) -> None:
    """Read without mitmproxy as long as all is plain; then mitmproxy reads on, and nothing is lost or doubled."""
    theirs, ours = Reading(), Reading()
    body = ours.reader = ChunkedBody(ChunkedReader())
    for data in reads:
        theirs.take(data)
        is_apart = not ours.buffer and not ours.is_over and body.is_plain
        if is_apart and (payload := body.payload(data)) is not None:
            ours.log.append(payload)
        else:
            ours.take(data)
    assert ours.end() == theirs.end()


def test_all_chunks_of_a_read_are_one_piece() -> None:
    reading = Reading()
    reading.reader = ChunkedBody(ChunkedReader())
    reading.buffer += b"1\r\na\r\n" * 999 + b"2\r\nb"
    assert reading.reader(reading.buffer).data == b"a" * 999 + b"b"
    assert reading.reader(reading.buffer) is None
