"""The batches that have been sent and are not in the file yet: another worker would need them again."""

from collections import deque

from responses_tap.recorder.messages import Batch, encode_batch

_MOST_BYTES = 16 * 2**20
"""Bytes on their way to the file: the worker keeps them, too."""


class SentBatches:
    """Encoded batches in their order. One thread adds, another acknowledges."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, bytes]] = deque()
        # Each counter has one thread that raises it, so that none of them needs a lock.
        self._sent_bytes = self._acknowledged_bytes = 0
        self.acknowledged = 0
        """The number of the last batch that is in the file."""

    @property
    def is_full(self) -> bool:
        """Whether no more may be on its way."""
        return self._sent_bytes - self._acknowledged_bytes >= _MOST_BYTES

    @property
    def is_empty(self) -> bool:
        """Whether everything that was sent is in the file."""
        return not self._batches

    @property
    def all(self) -> list[bytes]:
        """Those that are not in the file yet."""
        return [encoded for _, encoded in list(self._batches)]

    def add(self, batch: Batch) -> memoryview:
        """Keep a batch; its bytes for the pipe."""
        encoded = encode_batch(batch)
        self._batches.append((batch.number, encoded))
        self._sent_bytes += len(encoded)
        return memoryview(encoded)

    def acknowledge(self, number: int) -> None:
        """Let go of all batches up to this number: they are in the file."""
        while self._batches and self._batches[0][0] <= number:
            self.acknowledged, encoded = self._batches.popleft()
            self._acknowledged_bytes += len(encoded)
