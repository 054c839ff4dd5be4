"""Whether deltas hold whole characters: a gateway may cut a text between bytes, or between the halves of a pair.

Here and not in rules of their own, because every delta comes by: two rules for it cost a tenth of the checker's time.
"""

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding, Reporter, Severity

_REPLACEMENT = "\ufffd"


class Characters:
    """The characters of the deltas of one response."""

    def __init__(self, report: Reporter) -> None:
        self._report = report
        self._replaced: Finding | None = None
        self._split: Finding | None = None

    def apply(self, event: Event) -> None:
        """Check a delta."""
        piece = event.data.get("delta")
        if not isinstance(piece, str) or piece.isascii():
            return
        if _REPLACEMENT in piece and event.flaw is None:  # else TR905
            self._replace(event, piece)
        if "\ud800" <= piece[-1] <= "\udbff":
            self._split = self._count(self._split, "AG613", event)

    def _replace(self, event: Event, piece: str) -> None:
        at_border = _REPLACEMENT in (piece[0], piece[-1])
        known = self._replaced = self._count(
            self._replaced, "AG612", event, severity=None if at_border else Severity.NOTE
        )
        if at_border and known.severity is Severity.NOTE:
            known.severity = Severity.WARNING

    def _count(self, known: Finding | None, code: str, event: Event, *, severity: Severity | None = None) -> Finding:
        if known is None:
            return self._report(code, event.position, severity=severity)
        known.add(event.position)
        return known
