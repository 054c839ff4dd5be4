"""What a rule is: code, severity, message, page, and its trigger: a check of its own or a module of the engine."""

import inspect
import re
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any, ClassVar, NamedTuple

from responses_tap.protocol.events import Event
from responses_tap.protocol.findings import Finding, Reporter, Severity
from responses_tap.protocol.rules import measured
from responses_tap.protocol.scopes import ResponseScope, Scope

RULES: "dict[str, type[Rule]]" = {}
"""Every rule by its code."""

DISPATCH: "dict[str, list[type[Rule]]]" = {}
"""The rules with a check of their own, by the event types they look at."""

_SECTION = re.compile(r"^(\w+): ", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=\.)\s+(?=[A-Z])")
_CONDITION = re.compile(r"(?:From source review \(not tested\): )?[Ww]ith(?:out)? (`[\w.]+`(?:(?:, | or )`[\w.]+`)*)")
"""How a sentence of an impact begins that is about some fields only."""
_UNMEASURED = ("From source review (not tested)", "Reported")
"""How an impact begins that says for itself that it was not measured."""
_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")
"""What a fix says in general, and for a finding in the names of its fields."""


class Page(NamedTuple):
    """A rule's docstring, taken apart: the one place where a rule is described."""

    what: str
    impact: str
    """Which clients break: what was measured, then what was read in their source or reported."""
    bad: str
    good: str
    fine: str
    """When it is not a violation; empty where there is no such case."""
    source: str
    fix: str

    @property
    def in_general(self) -> "Page":
        """The page for no finding in particular."""
        return self._replace(fix=_PLACEHOLDER.sub(r"\1", self.fix))

    def about(self, finding: Finding) -> "Page":
        """The page for one finding: its impact and its fix name the fields that the finding is about, and no others."""
        names = list(dict.fromkeys(_name(path) for path in finding.fields))
        names = names or ([finding.missing] if finding.missing else [])
        if not names:
            return self.in_general
        kept = [said for sentence in _SENTENCE.split(self.impact) if (said := _narrowed(sentence, names))]
        fix = _PLACEHOLDER.sub(_listed(names, "and"), self.fix)
        return self._replace(impact=" ".join(kept), fix=fix)

    def measured(self, said: str) -> "Page":
        """The page with what was measured before what was only read or reported."""
        impact = self.impact or ("" if said else "Not measured with any client.")
        is_named = not said or not impact or impact.startswith(_UNMEASURED)
        return self._replace(impact=" ".join(filter(None, (said, "" if is_named else "Not measured:", impact))))


def _name(path: str) -> str:
    return re.sub(r"\[\d+\]", "", path).rpartition(".")[2]


def _listed(names: Sequence[str], conjunction: str) -> str:
    quoted = [f"`{name}`" for name in names]
    return f" {conjunction} ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))


def _narrowed(sentence: str, names: Sequence[str]) -> str:
    """A sentence about some fields, for those of them that are among the names; empty where none is."""
    match = _CONDITION.match(sentence)
    if match is None:
        return sentence
    mine = [name for name in re.findall(r"[\w.]+", match[1]) if name in names]
    return sentence.replace(match[1], _listed(mine, "or"), 1) if mine else ""


class Loss(Enum):
    """What is missing by a rule's findings, which the loss of one event explains."""

    EVENT = "event"
    NUMBER = "sequence_number"


class Rule:
    """One rule. Its docstring is its page; `message` and `fields` are filled in with the facts of a finding.

    Each rule names its trigger. `by` is the module of the engine that reports it, which knows from the grammar's
    table or its own state when the rule is broken. A rule that looks across scopes has a `check` instead, which gets
    the events of the types in `on` after the tree has moved on. There is one object a response.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity]
    message: ClassVar[str]
    fields: ClassVar[tuple[str, ...]] = ()
    """Paths of the fields that its findings are about, such as `item.{field}`; empty where the event as a whole is
    wrong, or where the trigger names them."""
    by: ClassVar[str] = ""
    on: ClassVar[Iterable[str]] = ()
    structural: ClassVar[bool] = False
    """Whether an event that is lost, repeated or moved breaks it; a break in the numbers is then the same defect."""
    loss: ClassVar[Loss | None] = None
    ends: ClassVar[bool] = False
    """Whether it says what ended the stream for its client: that comes first, whatever else is wrong."""

    def __init_subclass__(cls, *, code: str | None = None, severity: Severity = Severity.ERROR) -> None:
        super().__init_subclass__()
        if code is None:
            return  # a family of rules
        cls.code, cls.severity = code, severity
        cls.name = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        if code in RULES:
            raise ValueError(f"{code} is taken by {RULES[code].__name__}")
        RULES[code] = cls
        for type_ in cls.on:
            DISPATCH.setdefault(type_, []).append(cls)

    def __init__(self, response: ResponseScope, report: Reporter) -> None:
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
        fields: Iterable[str] | None = None,
        **facts: Any,
    ) -> Finding:
        """Report this rule; `fields` replaces the rule's own."""
        return self._report(self.code, position, scope, severity=severity, fields=fields, **facts)

    def found_lacking(
        self, missing: Sequence[str], path: str, position: int, scope: dict[str, int] | None = None, **facts: Any
    ) -> Finding:
        """Report this rule of fields missing from the object at `path`; the message names them as `lacking`."""
        fields = [f"{path}.{field}" for field in missing]
        return self.found(position, scope, fields=fields, lacking=", ".join(missing), **facts)

    def found_once(self, position: int, **facts: Any) -> None:
        """Report this rule, or count one more event of it."""
        if self._known is None:
            self._known = self.found(position, **facts)
        else:
            self._known.add(position)

    @classmethod
    def page(cls, finding: Finding | None = None) -> Page:
        """The rule's page; in the words of a finding of it, where one is given."""
        page = cls._written()
        page = page.in_general if finding is None else page.about(finding)
        return page.measured(measured.said(cls.code, finding))

    @classmethod
    def _written(cls) -> Page:
        what, *rest = _SECTION.split(inspect.cleandoc(cls.__doc__ or ""))
        parts = {label.lower(): " ".join(text.split()) for label, text in zip(rest[::2], rest[1::2], strict=True)}
        return Page(what.strip(), *(parts.get(field, "") for field in Page._fields[1:]))


class StructureRule(Rule):
    """A rule on which events come, in which order, and whether they agree."""

    structural = True


class AbsenceRule(StructureRule):
    """A rule that the loss of a single event can break."""

    loss = Loss.EVENT
