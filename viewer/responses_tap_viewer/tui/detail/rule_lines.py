"""A rule's page as lines."""

from responses_tap.protocol.findings import Finding
from responses_tap.protocol.rules import RULES
from responses_tap.stream.timeline import GLYPHS
from responses_tap_viewer.tui.detail.stats_page import labelled
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
    named = {
        "What": text.what,
        "Fix": text.fix,
        "Impact": text.impact,
        "Bad": text.bad,
        "Good": text.good,
        "Fine when": text.fine,
        "Source": text.source,
    }
    return [[*labelled(label, ""), *inline(words, "plain")] for label, words in named.items() if words]
