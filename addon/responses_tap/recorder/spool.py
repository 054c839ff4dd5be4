"""The spool: an append-only file without a name, in which messages wait on their way from the proxy to the worker.

Both processes hold its descriptor, so that it outlives either. The proxy appends and never waits; the worker reads by
offset and gives back what nobody needs any more. An offset is never used twice, and so it serves as a message's number.

On Linux the spool is in memory alone (`memfd_create`). Elsewhere it is an unlinked file, encrypted with a key that only
the two processes have in memory: requests wait in it with their credentials, which must never reach a disk.

The first page is neither encrypted nor given back. Both processes map it, and the worker writes there how far it is.
"""

import ctypes
import fcntl
import hmac
import mmap
import os
import struct
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Self

HEAD_BYTES = 4096
"""The first page; the first message follows."""
PAGE = 4096
"""Space is given back in pages of this size."""
COMMITTED, IN_HAND, SUSPECT, DEATHS, _IS_ENCRYPTED = range(5)
"""What the numbers of the first page say. COMMITTED: all messages before this offset are in the recording. IN_HAND: the
message that the worker took last. SUSPECT: the one that it handles alone, 0 for none; and of how many DEATHS."""
_BLOCK = 16
"""Bytes of an AES block."""
_PUNCH_HOLE_KEEP_SIZE = 3  # linux/falloc.h
_F_PUNCHHOLE = 99  # sys/fcntl.h of macOS


def spool_key(key: bytes) -> bytes:
    """The spool's key, which the two processes derive from the one that they share."""
    return hmac.digest(key, b"spool", "sha256")


class Spool:
    """The spool as either process sees it."""

    def __init__(self, descriptor: int, key: bytes) -> None:
        """The spool with this descriptor, which now belongs to this object; `key` has 16, 24 or 32 bytes."""
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, HEAD_BYTES)
        # Aligned and in the machine's own order, each number is read and written at once.
        self.head = memoryview(self._map).cast("Q")
        """The numbers of the first page."""
        self._crypt = _cipher(key) if self.head[_IS_ENCRYPTED] else _leave_plain
        self.end = self.size
        """Where the next message is appended, as the process knows that appends."""

    @classmethod
    def create(cls, key: bytes) -> Self:
        """A new spool; OSError where there is no room for one."""
        is_in_memory = hasattr(os, "memfd_create")
        descriptor = os.memfd_create("responses-tap") if is_in_memory else _unlinked_file()
        os.pwrite(descriptor, struct.pack("5Q", HEAD_BYTES, 0, 0, 0, not is_in_memory).ljust(HEAD_BYTES, b"\0"), 0)
        return cls(descriptor, key)

    @property
    def size(self) -> int:
        """The bytes that have been appended, the first page included."""
        return os.fstat(self.descriptor).st_size

    def append(self, data: bytes | memoryview) -> None:
        """Add bytes to the end; OSError where there is no room for them."""
        rest = memoryview(self._crypt(self.end, data))
        while rest:
            size = os.pwrite(self.descriptor, rest, self.end)
            self.end += size
            rest = rest[size:]

    def read(self, at: int, size: int) -> bytes:
        """The bytes from an offset on; fewer where the end comes first."""
        return bytes(self._crypt(at, os.pread(self.descriptor, size, at)))

    def give_back(self, start: int, end: int) -> None:
        """Free the pages that lie wholly between these offsets; OSError where the system cannot do that."""
        start, end = -(-start // PAGE) * PAGE, end // PAGE * PAGE
        if start < end:
            _punch(self.descriptor, start, end - start)

    def close(self) -> None:
        """Let go of it."""
        self.head.release()
        self._map.close()
        os.close(self.descriptor)


def _unlinked_file() -> int:
    descriptor, name = tempfile.mkstemp(prefix="responses-tap-")
    Path(name).unlink()
    return descriptor


def _leave_plain(_at: int, data: bytes | memoryview) -> bytes | memoryview:
    return data


def _cipher(key: bytes) -> Callable[[int, bytes | memoryview], bytes]:
    """AES in counter mode, with the offset for a counter: any piece of the file can be read by itself."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    def crypt(at: int, data: bytes | memoryview) -> bytes:
        update = Cipher(algorithms.AES(key), modes.CTR((at // _BLOCK).to_bytes(_BLOCK))).encryptor().update
        update(bytes(at % _BLOCK))
        return update(data)

    return crypt


def _punch(descriptor: int, at: int, size: int) -> None:
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        fallocate = getattr(libc, "fallocate64", libc.fallocate)  # the offsets of the other one may have 32 bits
        fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
        if fallocate(descriptor, _PUNCH_HOLE_KEEP_SIZE, at, size):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    else:
        fcntl.fcntl(descriptor, _F_PUNCHHOLE, struct.pack("IIqq", 0, 0, at, size))
