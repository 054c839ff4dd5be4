"""How often something happened, as a line of bars."""

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(counts: Sequence[int], *, nothing: str = " ") -> str:
    """A bar for each count, the highest for the largest of them; `nothing` where the count is 0."""
    most = max(counts, default=0)
    return "".join(_BARS[(len(_BARS) * count - 1) // most] if count else nothing for count in counts)
