"""The judge of one response: everything that looks at its events, and the ledger of what they found."""

import json
from typing import Any

from responses_tap.protocol.events import Event, string, today
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.grammar import ROWS
from responses_tap.protocol.lifecycle import Lifecycle
from responses_tap.protocol.nesting import Nesting
from responses_tap.protocol.profiles import Profile
from responses_tap.protocol.rules import DISPATCH, RULES, Rule
from responses_tap.protocol.scopes import Response
from responses_tap.protocol.sequence import Sequence
from responses_tap.protocol.shapes import Shapes
from responses_tap.protocol.timing import Timing

_LONGEST_FACT = 500
"""Characters of one fact in a message."""


class Ledger:
    """Keeps the findings of one response, worded and weighed by a profile."""

    def __init__(self, profile: Profile, response: int) -> None:
        self._profile = profile
        self.response = response
        self.findings: list[Finding] = []

    def __call__(
        self,
        code: str,
        position: int | None,
        scope: dict[str, int] | None = None,
        *,
        missing: str | None = None,
        severity: Severity | None = None,
        **facts: Any,
    ) -> Finding:
        """Make a finding and keep it, unless the profile switches its rule off."""
        rule = RULES[code]
        place = scope or {}
        where = ".".join(str(n) for n in place.values())
        words = {name: _worded(fact) for name, fact in facts.items()}
        text = rule.message.format_map({"position": position, "where": where, "missing": missing, **place, **words})
        asked = self._profile.severity(code, rule.severity)
        weight = asked and (severity or asked)
        finding = Finding(
            code, rule.name, weight or Severity.NOTE, position, text, place, missing, response=self.response
        )
        if weight is not None:
            self.findings.append(finding)
        return finding

    def withdraw(self, finding: Finding | None) -> None:
        """Take a finding back."""
        if finding is not None and finding in self.findings:
            self.findings.remove(finding)


def _worded(fact: object) -> str:
    """A fact as a message states it: whatever JSON a stream has there, in a bounded number of characters."""
    text = fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False)
    return text if len(text) <= _LONGEST_FACT else f"{text[: _LONGEST_FACT - 1]}…"


class Judge:
    """Everything that judges one response."""

    def __init__(self, response: Response, profile: Profile) -> None:
        self.response = response
        self.ledger = Ledger(profile, response.index)
        self._lifecycle = Lifecycle(response, self.ledger)
        self._nesting = Nesting(response, self.ledger)
        self._shapes = Shapes(response, self.ledger)
        self._sequence = Sequence(response, self.ledger)
        self._timing = Timing(self.ledger)
        self._rules: dict[type[Rule], Rule] = {}

    def apply(self, event: Event, at_ns: int | None, *, uncounted: bool = False) -> None:
        """Judge the next event of the response; `uncounted`: it needs no sequence_number."""
        row = event.row
        if at_ns is not None:
            self._timing.apply(event, at_ns)
        self._shapes.apply(event)
        if uncounted and event.sequence_number is None:
            self._sequence.skip()
        else:
            self._sequence.apply(event)
        if row is None and (name := today(event.type, string(event.object("response"), "status"))):
            row = ROWS[name]
        if not self._lifecycle.apply(event, row) or row is None:
            return
        scope = self._nesting.apply(event, row)
        if event.position == self.response.terminal:
            self._nesting.finish(self.response.state, event.position)
        for rule in DISPATCH.get(row.type, ()):
            if rule not in self._rules:
                self._rules[rule] = rule(self.response, self.ledger)
            self._rules[rule].check(event, scope)

    def untyped_error(self, event: Event) -> None:
        """An error came without a type: whatever the stream lacks from here on is explained by it."""
        self._sequence.skip()
        self._lifecycle.untyped_error(event)

    def skip(self) -> None:
        """An event came that could not be read."""
        self._sequence.skip()
        self.response.lose()

    def finish(self, *, cut: bool = False) -> None:
        """No more events of it will come; with `cut`, because the reader stopped."""
        self._lifecycle.finish(cut=cut)
        if self.response.terminal is None:
            self._nesting.finish(self.response.state, None)
        self._timing.finish()
        self._sequence.finish(self.ledger.findings)
