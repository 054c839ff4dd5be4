"""What a rule is: code, severity, message, page; and, where the table cannot say it, a check of its own."""

import inspect
import re
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding, Reporter, Severity
from responses_tap.protocol.scopes import Response, Scope

RULES: "dict[str, type[Rule]]" = {}
"""Every rule by its code."""

DISPATCH: "dict[str, list[type[Rule]]]" = {}
"""The rules with a check of their own, by the event types they look at."""

_SECTION = re.compile(r"^(\w+): ", re.MULTILINE)


class Page(NamedTuple):
    """A rule's docstring, taken apart: the one place where a rule is described."""

    what: str
    impact: str
    """Which clients break, as measured, or that none is known to."""
    bad: str
    good: str
    fine: str
    """When it is no violation; empty where there is no such case."""
    source: str
    fix: str


class Rule:
    """One rule. Its docstring is its page; `message` is filled in with the facts of a finding.

    A rule that the grammar's table gives has no more than that: the engine knows when it is broken. One that
    looks across scopes names the event types in `on` and gets them in `check`, after the tree has moved on.
    There is one object a response.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    message: ClassVar[str]
    on: ClassVar[Iterable[str]] = ()

    def __init_subclass__(cls, *, code: str, severity: Severity) -> None:
        super().__init_subclass__()
        cls.code, cls.severity = code, severity
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        if code in RULES:
            raise ValueError(f"{code} is taken by {RULES[code].__name__}")
        RULES[code] = cls
        for type_ in cls.on:
            DISPATCH.setdefault(type_, []).append(cls)

    def __init__(self, response: Response, report: Reporter) -> None:
        self._response = response
        self._report = report
        self._known: Finding | None = None

    def check(self, event: Event, scope: Scope | None) -> None:
        """Look at one event of a type in `on`, and at the scope it belongs to."""

    def found(
        self,
        position: int | None,
        scope: dict[str, int] | None = None,
        *,
        severity: Severity | None = None,
        **facts: Any,
    ) -> Finding:
        """Report this rule."""
        return self._report(self.code, position, scope, severity=severity, **facts)

    def found_once(self, position: int, **facts: Any) -> None:
        """Report this rule, or count one more event of it."""
        if self._known is None:
            self._known = self.found(position, **facts)
        else:
            self._known.add(position)

    @classmethod
    def page(cls) -> Page:
        """The rule's page."""
        what, *rest = _SECTION.split(inspect.cleandoc(cls.__doc__ or ""))
        parts = {label.lower(): " ".join(text.split()) for label, text in zip(rest[::2], rest[1::2], strict=True)}
        return Page(what.strip(), *(parts.get(field, "") for field in Page._fields[1:]))
