"""The outcome of a scenario, and its reason in a sentence."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.checks import CHECKS, Begun, Observed, Unsupported
from responses_tap_viewer.probe.scenario import Expectation, Scenario, ScenarioStep


class Outcome(StrEnum):
    """The outcome of a scenario."""

    PASSED = "passed"
    VIOLATED = "violated"
    """The protocol is broken: the findings say how."""
    UNEXPECTED = "unexpected"
    """The protocol is kept, but what the server owes isn't there."""
    UNSUPPORTED = "unsupported"
    """The server says that it doesn't have the feature, or leaves it out."""
    FAILED = "failed"
    """A server error, a cut, a timeout, a key that is refused in mid-run."""
    FLAKY = "flaky"
    """Different runs had different outcomes."""
    SKIPPED = "skipped"
    """Nothing can be said."""


BAD = frozenset((Outcome.VIOLATED, Outcome.UNEXPECTED, Outcome.FAILED, Outcome.FLAKY))
"""The outcomes that make the exit status 1."""
LIMITED = "the server limits requests"
"""How the message of a scenario begins that the server had no time for."""
GONE = "the server stopped responding"
"""How the message of a scenario begins that was not run, because an earlier one no longer reached the server."""
_OF_BASE = {Outcome.FAILED: "failed", Outcome.VIOLATED: "violates the protocol", Outcome.UNSUPPORTED: "is unsupported"}
"""What is said of a scenario that another one builds on; of all else, that it was so."""
_OF_OWNER = {"server": Outcome.UNEXPECTED, "model": Outcome.SKIPPED, "feature": Outcome.UNSUPPORTED}


class Verdict(NamedTuple):
    """An outcome and its reason."""

    outcome: Outcome
    message: str = ""


def verdict(scenario: Scenario, answers: Mapping[str, Sequence[Answer]], known: Mapping[str, object]) -> Verdict:
    """What the answers make of a scenario, without what the checker finds in them."""
    for step in scenario.ask:
        for answer in answers.get(step.name, ()):
            if found := _unfit(scenario, step, answer):
                return found
    last = answers[scenario.ask[-1].name]
    if scenario.refusal == "wanted" and not all(answer.refusal for answer in last):
        came = f"{last[0].status} {last[0].terminal or last[0].words}".rstrip()
        return Verdict(Outcome.UNEXPECTED, f"the request isn't refused: {came}")
    for expectation in scenario.expect:
        if found := _missing(scenario, expectation, answers, known):
            return found
    told = next((f"refused: {answer.refusal}" for answer in last if answer.refusal), "")
    return Verdict(Outcome.PASSED, told)


def needing(base: str, outcome: Outcome) -> Verdict:
    """What a scenario comes to that builds on one that came to nothing."""
    return Verdict(Outcome.SKIPPED, f"needs {base}, which {_OF_BASE.get(outcome, f'was {outcome}')}")


def _unfit(scenario: Scenario, step: ScenarioStep, answer: Answer) -> Verdict | None:
    """What an answer alone makes of a scenario: it failed, or the request was refused."""
    if answer.is_limited:
        return Verdict(Outcome.SKIPPED, f"{LIMITED}: {answer.refusal}")
    if answer.failure:
        return Verdict(Outcome.FAILED, answer.failure)
    if answer.refuses_key:
        # It took the key when the probe began: this is no answer to what the scenario asks.
        return Verdict(Outcome.FAILED, f"refuses the key ({answer.refusal})")
    may_be_refused = step is scenario.ask[-1] and scenario.refusal in ("wanted", "fine")
    if answer.refusal and not step.may_fail and not may_be_refused:
        refused = Outcome.FAILED if scenario.refusal == "never" else Outcome.UNSUPPORTED
        return Verdict(refused, f"refused: {answer.refusal}")
    return None


def _missing(
    scenario: Scenario,
    expectation: Expectation,
    answers: Mapping[str, Sequence[Answer]],
    known: Mapping[str, object],
) -> Verdict | None:
    for answer in answers[expectation.of or scenario.ask[-1].name]:
        if answer.refusal and scenario.refusal == "fine":
            continue
        sentence = CHECKS[expectation.check](Observed(answer, answers, known), **expectation.arguments)
        if sentence is not None:
            return Verdict(_outcome(expectation, sentence), sentence)
    return None


def _outcome(expectation: Expectation, sentence: str) -> Outcome:
    if isinstance(sentence, Unsupported):
        return Outcome.UNSUPPORTED
    return Outcome.UNEXPECTED if isinstance(sentence, Begun) else _OF_OWNER[expectation.owner]
