"""The judge of one response: everything that checks its events, and the ledger of what it found."""

import json
from collections.abc import Iterable
from typing import Any

from responses_tap.protocol.arrivals import Arrivals
from responses_tap.protocol.characters import Characters
from responses_tap.protocol.events import Event, string, today
from responses_tap.protocol.fields import FieldChecks
from responses_tap.protocol.findings import Finding, Severity, path_of
from responses_tap.protocol.grammar import ROWS, Role
from responses_tap.protocol.profiles import Profile
from responses_tap.protocol.response_states import ResponseStates
from responses_tap.protocol.rules import DISPATCH, RULES, Rule
from responses_tap.protocol.scope_tree import ScopeTree
from responses_tap.protocol.scopes import ResponseScope, Scope
from responses_tap.protocol.sequence import Sequence

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
        fields: Iterable[str] | None = None,
        **facts: Any,
    ) -> Finding:
        """Make a finding and keep it, unless the profile switches its rule off."""
        rule = RULES[code]
        place = scope or {}
        words: dict[str, Any] = {"position": position, "missing": missing, **place}
        words["where"] = path_of(place)
        words["item"] = f", output[{place['output_index']}]" if "output_index" in place else ""
        words |= {name: _worded(fact) for name, fact in facts.items()}
        words |= {name: '""' for name in ("before", "after") if words.get(name) == ""}
        text = rule.message.format_map(words)
        about = (path.format_map(words) for path in rule.fields) if fields is None else fields
        weight = self._profile.severity(code, rule.severity, severity)
        finding = Finding(
            code,
            rule.name,
            weight or Severity.NOTE,
            position,
            text,
            place,
            missing,
            response=self.response,
            fields=tuple(about),
        )
        if weight is not None:
            self.findings.append(finding)
        return finding

    def withdraw(self, finding: Finding | None) -> None:
        """Withdraw a finding."""
        if finding is not None and finding in self.findings:
            self.findings.remove(finding)


def _worded(fact: object) -> str:
    """A fact as a message states it: whatever JSON a stream has there, in a bounded number of characters."""
    text = fact if isinstance(fact, str) else json.dumps(fact, ensure_ascii=False)
    return text if len(text) <= _LONGEST_FACT else f"{text[: _LONGEST_FACT - 1]}…"


class Judge:
    """Everything that judges one response."""

    def __init__(self, response: ResponseScope, profile: Profile) -> None:
        self.response = response
        self.ledger = Ledger(profile, response.index)
        self._states = ResponseStates(response, self.ledger)
        self._tree = ScopeTree(response, self.ledger)
        self._fields = FieldChecks(response, self.ledger)
        self._sequence = Sequence(response, self.ledger)
        self._arrivals = Arrivals(response, self.ledger)
        self._characters = Characters(self.ledger)
        self._rules: dict[type[Rule], Rule] = {}
        self.scope: Scope | None = None
        """The scope of the latest event."""

    @property
    def next_number(self) -> int | None:
        """The sequence_number that the next event must have, where that is certain and the response still runs."""
        return self._sequence.next if self.response.terminal is None else None

    def extend(self, pieces: list[str]) -> int:
        """Take deltas with these texts, each with the next number and otherwise like the latest event.

        Returns the position of the first.
        """
        assert self.scope is not None
        first, count = self.response.events, len(pieces)
        self.response.events += count
        self._sequence.advance(count)
        self._arrivals.advance(count)
        self.scope.deltas += count
        self.scope.pieces += filter(None, pieces)
        return first

    def apply(self, event: Event, at_ns: int | None, *, uncounted: bool = False) -> None:
        """Judge the next event of the response; `uncounted`: it needs no sequence_number."""
        row = event.row
        self.scope = None
        if at_ns is not None:
            self._arrivals.apply(event, at_ns)
        self._fields.apply(event)
        if uncounted and event.sequence_number is None:
            self._sequence.skip()
        else:
            self._sequence.apply(event)
        if row is None and (name := today(event.type, string(event.object("response"), "status"))):
            row = ROWS[name]
        if not self._states.apply(event, row) or row is None:
            return
        self.scope = scope = self._tree.apply(event, row)
        if event.position == self.response.terminal:
            self._tree.finish(self.response.state, event.position)
        if row.role is Role.DELTA and row.value:
            self._characters.apply(event)
        for rule in DISPATCH.get(row.type, ()):
            if rule not in self._rules:
                self._rules[rule] = rule(self.response, self.ledger)
            self._rules[rule].check(event, scope)

    def heard(self, at_ns: int) -> None:
        """Note that something came which is no event, such as a comment."""
        self._arrivals.heard(at_ns)

    def untyped_error(self, event: Event, words: str) -> None:
        """An error came without a type: whatever the stream lacks from here on is explained by it."""
        self._sequence.skip()
        self._states.untyped_error(event, words)

    def skip(self) -> None:
        """Note an event that could not be read."""
        self._sequence.skip()
        self.response.mark_unreadable()

    def finish(self, *, cut: bool = False) -> None:
        """No more events of it will come; with `cut`, because the reader stopped."""
        self._states.finish(cut=cut)
        if self.response.terminal is None:
            self._tree.finish(self.response.state, None)
        self._arrivals.finish()
        weighty = [finding for finding in self.ledger.findings if finding.severity is not Severity.NOTE]
        self._sequence.finish([finding for finding in weighty if RULES[finding.code].structural])
