"""The chunks in which a response's body arrives: how many, when, and how much they add up to."""

from collections.abc import Sequence

from responses_tap.store import ChunkRow
from responses_tap.store.writer import Writer
from responses_tap.stream.model import Chunk
from responses_tap.stream.storable import Value


class ReceivedChunks:
    """The chunks of one stream. Times are nanoseconds since its request."""

    def __init__(self, stream: int, writer: Writer) -> None:
        self._stream = stream
        self._writer = writer
        self.count = 0
        self.wire_size = 0
        """Bytes on the wire, still content-encoded."""
        self.size = 0
        """Bytes of the body, decoded."""
        self.last_byte_ns = 0

    def add(self, wire_size: int, size: int, at_ns: int) -> int:
        """Write a further chunk; its number."""
        n = self.count
        self._writer.add_chunk(ChunkRow(self._stream, n, at_ns, wire_size, self.size, size))
        self.retake(wire_size, size, at_ns)
        return n

    def retake(self, wire_size: int, size: int, at_ns: int) -> None:
        """Count a chunk that is in the file already."""
        self.count += 1
        self.wire_size += wire_size
        self.size += size
        self.last_byte_ns = at_ns

    def restore(self, chunks: Sequence[Chunk]) -> None:
        """Count the chunks that a worker wrote which has died."""
        for chunk in chunks:
            self.retake(chunk.wire_size, chunk.size, chunk.at_ns)

    @property
    def columns(self) -> dict[str, Value]:
        """What the stream's row says of them."""
        return {"last_byte_ns": self.last_byte_ns if self.count else None, "wire_size": self.wire_size}
