"""What a user can set about recording; the supervisor passes it to its workers."""

import json
from typing import NamedTuple, Self

from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.store.shares import Share


class RecorderSettings(NamedTuple):
    """How to record."""

    profile: str = DEFAULT_PROFILE
    only: str = ""
    """A filter for the streams that are kept."""
    max_size: int = 0
    """The bytes after which another file is begun, 0 for never."""
    keep: tuple[str, ...] = ()
    """Names of headers and query parameters whose values need no mask."""
    share: Share = Share()

    def encode(self) -> str:
        """As an argument of a process."""
        return json.dumps(self)

    @classmethod
    def decode(cls, text: str) -> Self:
        """The settings in such an argument."""
        profile, only, max_size, keep, share = json.loads(text)
        return cls(profile, only, max_size, tuple(keep), Share(*share))
