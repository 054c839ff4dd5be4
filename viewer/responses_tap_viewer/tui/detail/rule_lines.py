"""A rule's page as lines."""

from responses_tap.protocol.findings import Finding
from responses_tap.protocol.rules import RULES
from responses_tap.stream.timeline import GLYPHS
from responses_tap_viewer.reports.event_lists import event_list
from responses_tap_viewer.tui.detail.stats_page import labelled
from responses_tap_viewer.tui.short_types import short_type
from responses_tap_viewer.tui.spans import SEVERITY_ROLES, Line, inline


def rule_lines(code: str) -> list[Line]:
    """The page of a rule, its name above it."""
    rule = RULES[code]
    head = (f"{GLYPHS[rule.severity]} {rule.code} {rule.name}", SEVERITY_ROLES[rule.severity])
    return [[head, (f"  {rule.severity}", "dim")], [], *page_lines(code)]


def page_lines(code: str, finding: Finding | None = None) -> list[Line]:
    """What the page of a rule says, part by part; in the words of a finding of it, where one is given."""
    rule = RULES.get(code)
    if rule is None:
        return [[(f"This version of responses-tap has no rule {code}.", "dim")]]
    text = rule.page(finding)
    return [
        *_paragraphs({"What": text.what, "Fix": text.fix, "Clients": text.impact}),
        *_listed("Wrong", event_list(text.bad)),
        *_listed("Expected", event_list(text.good)),
        *_paragraphs({"OK when": text.fine, "Source": text.source}),
    ]


def _paragraphs(named: dict[str, str]) -> list[Line]:
    return [[*labelled(label, ""), *inline(words, "plain")] for label, words in named.items() if words]


def _listed(label: str, events: list[str]) -> list[Line]:
    lines = []
    for number, event in enumerate(events):
        type_ = event.split()[0]
        shown = event.replace(type_, short_type(type_), 1)
        lines.append([*labelled("" if number else label, ""), (shown, "plain")])
    return lines
