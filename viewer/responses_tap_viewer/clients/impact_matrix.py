"""What each client made of each stream."""

from dataclasses import dataclass, field

from responses_tap_viewer.clients.stated import Stated
from responses_tap_viewer.clients.verdict import ClientVerdict, Fate


@dataclass(slots=True)
class StreamImpact:
    """One stream and its clients."""

    name: str
    says: Stated
    verdicts: dict[str, ClientVerdict] = field(default_factory=dict)
    """By the name of the driver."""
    not_run: dict[str, str] = field(default_factory=dict)
    """Why a client was not run on it, by the name of the driver."""

    @property
    def harmed(self) -> list[str]:
        """The drivers whose clients don't deliver what the stream says; raising what it reports isn't harm."""
        return [name for name, each in self.verdicts.items() if not self._is_right(each)]

    def _is_right(self, each: ClientVerdict) -> bool:
        return each.fate is Fate.DELIVERED or (each.fate is Fate.RAISED and self.says.failure is not None)


@dataclass(slots=True)
class ImpactMatrix:
    """All of them."""

    streams: list[StreamImpact]
    unavailable: dict[str, str] = field(default_factory=dict)
    """Why a client was not run at all, by the name of the driver."""
