"""Runs scenarios against a server, through the recorder: first all is asked, then what was recorded is judged."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.client import Client, encoded
from responses_tap_viewer.probe.outcome import Outcome, Verdict, verdict
from responses_tap_viewer.probe.scenario import Scenario, Step
from responses_tap_viewer.probe.values import Missing, filled, path_of

_BETWEEN_POLLS = 0.2
_FIT = (Outcome.PASSED, Outcome.VIOLATED)


@dataclass
class Attempt:
    """One run of a scenario."""

    verdict: Verdict
    marks: list[str] = field(default_factory=list)
    """What its requests are marked with, but for those that were refused."""


@dataclass
class Run:
    """The runs of one scenario."""

    scenario: Scenario
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """What became of it in all runs."""
        verdicts = [attempt.verdict for attempt in self.attempts]
        if len({one.outcome for one in verdicts}) <= 1:
            return verdicts[-1]
        passed = sum(one.outcome is Outcome.PASSED for one in verdicts)
        other = next(one for one in verdicts if one.outcome is not Outcome.PASSED)
        return Verdict(Outcome.FLAKY, f"{passed} of {len(verdicts)} passed; {other.outcome}: {other.message}")


class Runner:
    """Asks one server everything."""

    def __init__(self, client: Client, model: str, *, repeat: int = 1) -> None:
        self._client = client
        self._model = model
        self._repeat = repeat
        self._runs: dict[str, Run] = {}

    def run(self, scenarios: Iterable[Scenario], on_end: Callable[[Run], object]) -> list[Run]:
        """Run them in order; `on_end` is called after each."""
        for scenario in scenarios:
            run = self._runs[scenario.name] = Run(scenario)
            if base := self._unfit_base(scenario):
                run.attempts.append(Attempt(base))
            else:
                self._attempt(run)
            on_end(run)
        return list(self._runs.values())

    def _unfit_base(self, scenario: Scenario) -> Verdict | None:
        """Why nothing can be said of a scenario: one that it builds on came to nothing."""
        for name in scenario.after:
            run = self._runs.get(name)
            if run is not None and run.verdict.outcome not in _FIT:
                return Verdict(Outcome.SKIPPED, f"needs {name}, which is {run.verdict.outcome}")
        return None

    def _attempt(self, run: Run) -> None:
        """Run it as often as was asked for; once more where the first run is bad."""
        run.attempts.append(self._once(run.scenario, 0))
        times = self._repeat
        if run.verdict.outcome in (Outcome.FAILED, Outcome.UNEXPECTED):
            times = max(times, 2)
        for n in range(1, times):
            run.attempts.append(self._once(run.scenario, n))

    def _once(self, scenario: Scenario, n: int) -> Attempt:
        answers: dict[str, list[Answer]] = {}
        known: dict[str, object] = {}
        marks: list[str] = []
        for step in scenario.ask:
            try:
                requests = [self._request(step, known | {"n": k}) for k in range(step.repeat)]
            except Missing as missing:
                return Attempt(Verdict(Outcome.SKIPPED, f"the answer before has no `{missing}`"), marks)
            names = [f"{scenario.name}/{n}/{step.name}/{k}" for k in range(step.repeat)]
            answers[step.name] = found = self._ask(step, requests, names)
            marks += [name for name, answer in zip(names, found, strict=True) if not answer.refusal]
            known[step.name] = _facts(found[0])
            if any(answer.failure or (answer.refusal and not step.may_fail) for answer in found):
                for rest in scenario.ask[len(answers) :]:
                    answers[rest.name] = []
                break
        if scenario.name in ("text", "text-long"):
            self._client.patience.learn(answers["answer"][0])
        return Attempt(verdict(scenario, answers, known), marks)

    def _request(self, step: Step, known: dict[str, object]) -> tuple[str, bytes | None]:
        path = path_of(step.path, known)
        if step.raw is not None:
            return path, step.raw.encode()
        if step.method != "POST":
            return path, None
        body: dict[str, Any] = filled(step.body or {}, known)
        return path, encoded(body if step.bare else {"model": self._model, "stream": True, **body})

    def _ask(self, step: Step, requests: Sequence[tuple[str, bytes | None]], marks: Sequence[str]) -> list[Answer]:
        def send(request: tuple[str, bytes | None], mark: str) -> Answer:
            return self._client.send(step.method, *request, mark, step.leave_after)

        if len(requests) > 1:
            with ThreadPoolExecutor(len(requests)) as pool:
                return list(pool.map(send, requests, marks))
        answer = send(requests[0], marks[0])
        end = time.monotonic() + self._client.patience.total
        while step.until and not answer.failure and not answer.refusal and time.monotonic() < end:
            if answer.response.get("status") in step.until:
                break
            time.sleep(_BETWEEN_POLLS)
            answer = send(requests[0], marks[0])
        return [answer]


def _facts(answer: Answer) -> Mapping[str, object]:
    """What later requests may refer to: the members of the response, and `call`, its first function call."""
    calls = [item for item in answer.items if item.get("type") == "function_call"]
    return {**answer.response, **({"call": calls[0]} if calls else {})}
