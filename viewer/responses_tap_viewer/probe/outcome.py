"""What became of a scenario, and why, in a sentence."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.checks import CHECKS, Seen, Unsupported
from responses_tap_viewer.probe.scenario import Expectation, Scenario


class Outcome(StrEnum):
    """What became of a scenario."""

    PASSED = "passed"
    VIOLATED = "violated"
    """The protocol is broken: the findings say how."""
    UNEXPECTED = "unexpected"
    """The protocol is kept, but what was asked for isn't there."""
    UNSUPPORTED = "unsupported"
    """The server says that it hasn't the feature, or leaves it out."""
    FAILED = "failed"
    """A server error, a cut, a timeout."""
    FLAKY = "flaky"
    """It became different things in different runs."""
    SKIPPED = "skipped"
    """Nothing can be said."""


BAD = frozenset((Outcome.VIOLATED, Outcome.UNEXPECTED, Outcome.FAILED, Outcome.FLAKY))
"""What makes the exit status 1."""
_OF_OWNER = {"server": Outcome.UNEXPECTED, "model": Outcome.SKIPPED, "feature": Outcome.UNSUPPORTED}


class Verdict(NamedTuple):
    """An outcome and its reason."""

    outcome: Outcome
    message: str = ""


def verdict(scenario: Scenario, answers: Mapping[str, Sequence[Answer]], known: Mapping[str, object]) -> Verdict:
    """What the answers make of a scenario, without what the checker finds in them."""
    for step in scenario.ask:
        for answer in answers[step.name]:
            if answer.failure:
                return Verdict(Outcome.FAILED, answer.failure)
            is_asked = step is scenario.ask[-1]
            if answer.refusal and not step.may_fail and not (is_asked and scenario.refusal in ("wanted", "fine")):
                refused = Outcome.FAILED if scenario.refusal == "never" else Outcome.UNSUPPORTED
                return Verdict(refused, f"refused: {answer.refusal}")
    last = answers[scenario.ask[-1].name]
    if scenario.refusal == "wanted" and not all(answer.refusal for answer in last):
        return Verdict(Outcome.UNEXPECTED, f"it isn't refused: {last[0].status} {last[0].terminal}".rstrip())
    for expectation in scenario.expect:
        if found := _missing(scenario, expectation, answers, known):
            return found
    told = next((f"refused: {answer.refusal}" for answer in last if answer.refusal), "")
    return Verdict(Outcome.PASSED, told)


def _missing(
    scenario: Scenario,
    expectation: Expectation,
    answers: Mapping[str, Sequence[Answer]],
    known: Mapping[str, object],
) -> Verdict | None:
    for answer in answers[expectation.of or scenario.ask[-1].name]:
        sentence = CHECKS[expectation.check](Seen(answer, answers, known), **expectation.arguments)
        if sentence is not None:
            left_out = isinstance(sentence, Unsupported)
            return Verdict(Outcome.UNSUPPORTED if left_out else _OF_OWNER[expectation.owner], sentence)
    return None
