"""Runs scenarios against a server, through the recorder: first all is asked, then what was recorded is judged."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from responses_tap.protocol.bodies import is_unreached
from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.client import Patience, ProbeClient, ProbeRequest, encoded
from responses_tap_viewer.probe.outcome import BAD, GONE, Outcome, Verdict, needing, verdict
from responses_tap_viewer.probe.scenario import Scenario, ScenarioStep
from responses_tap_viewer.probe.sockets import Sockets
from responses_tap_viewer.probe.tool_server import ToolServer
from responses_tap_viewer.probe.values import MissingValue, filled, path_of

_BETWEEN_POLLS = 0.2
_FIT = (Outcome.PASSED, Outcome.VIOLATED)
_MEASURES = ("text", "text-long")
"""The scenarios that show how fast the server is."""
_ALONE = ("concurrency",)
"""The groups whose scenarios would disturb others, and are run while no other one is."""


@dataclass
class Attempt:
    """One run of a scenario."""

    verdict: Verdict
    marks: list[str] = field(default_factory=list)
    """What its requests are marked with."""
    refused: set[str] = field(default_factory=set)
    """The marks of those that were refused; of a socket, where one of its requests was."""
    sockets: set[str] = field(default_factory=set)
    """Those of the marks that are of a WebSocket."""
    sent: list[tuple[ProbeRequest, Answer]] = field(default_factory=list)
    """The requests over HTTP, with their answers."""
    timed_out: bool = False
    lacks: str = ""
    """The scenario that came to nothing, where this one builds on it and so was not asked."""


@dataclass
class ScenarioRun:
    """The runs of one scenario."""

    scenario: Scenario
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """The outcome of all runs."""
        verdicts = [attempt.verdict for attempt in self.attempts]
        if len({one.outcome for one in verdicts}) <= 1:
            return verdicts[-1]
        passed = sum(one.outcome is Outcome.PASSED for one in verdicts)
        other = next(one for one in verdicts if one.outcome is not Outcome.PASSED)
        return Verdict(Outcome.FLAKY, f"{passed} of {len(verdicts)} runs passed; {other.outcome}: {other.message}")


@dataclass
class _Chain:
    """The requests and answers of one run, as far as it has come."""

    mark: str
    sockets: Sockets
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    known: dict[str, object] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    over_sockets: set[str] = field(default_factory=set)
    sent: list[tuple[ProbeRequest, Answer]] = field(default_factory=list)

    def attempt(self, verdict: Verdict) -> Attempt:
        """The run, with its verdict."""
        all_ = [answer for answers in self.answers.values() for answer in answers]
        timed_out = any(answer.timed_out for answer in all_)
        marks = list(dict.fromkeys(self.marks))
        return Attempt(verdict, marks, self.refused, self.over_sockets, self.sent, timed_out)


class Runner:
    """Asks one server everything."""

    def __init__(self, client: ProbeClient, model: str, *, is_local: bool, repeat: int = 1, parallel: int = 1) -> None:
        self._client = client
        self._is_local = is_local
        self._model = model
        self._repeat = repeat
        self._parallel = parallel
        self._runs: dict[str, ScenarioRun] = {}
        self.is_interrupted = False
        """Whether the user broke it off: what had not ended then is skipped."""
        self._gone = ""
        """Why nothing more is asked: where the server stopped responding; empty while it responds."""

    def run(self, scenarios: Sequence[Scenario], on_end: Callable[[ScenarioRun], object]) -> list[ScenarioRun]:
        """Run them, each after those it builds on; `on_end` is called after each, in this thread."""
        pending = list(scenarios)
        running: dict[Future[ScenarioRun], Scenario] = {}
        pool = ThreadPoolExecutor(self._parallel)
        try:
            while pending or running:
                while (scenario := self._next(pending, running.values())) is not None:
                    pending.remove(scenario)
                    running[pool.submit(self._run, scenario)] = scenario
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    run = self._runs[running.pop(future).name] = future.result()
                    on_end(run)
        except KeyboardInterrupt:
            self._client.stopped.set()
            self.is_interrupted = True
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        unknown = Verdict(Outcome.SKIPPED, "interrupted")
        return [self._runs.get(one.name) or ScenarioRun(one, [Attempt(unknown)]) for one in scenarios]

    def _next(self, pending: Sequence[Scenario], running: Iterable[Scenario]) -> Scenario | None:
        """The next scenario that can be started, None where one has to end first."""
        active = list(running)
        if len(active) == self._parallel or any(one.group in _ALONE for one in active):
            return None
        unfinished = {one.name for one in (*pending, *active)}
        for scenario in pending:
            if unfinished.isdisjoint(scenario.after):
                return None if active and scenario.group in _ALONE else scenario
        return None

    def _run(self, scenario: Scenario) -> ScenarioRun:
        run = ScenarioRun(scenario)
        if base := self._unfit_base(scenario):
            run.attempts.append(base)
        else:
            self._attempt(run)
            # Also when it was run again: the scenario is not the cause.
            if is_unreached(run.attempts[-1].verdict.message):
                self._gone = self._gone or f"{GONE} in {scenario.name}"
        return run

    def _unfit_base(self, scenario: Scenario) -> Attempt | None:
        """Why nothing can be said of a scenario: the server is gone or elsewhere, or a base of it came to nothing."""
        if self._gone:
            return Attempt(Verdict(Outcome.SKIPPED, self._gone))
        if scenario.local and not self._is_local:
            verdict_ = Verdict(Outcome.SKIPPED, "needs a server on this machine, which reaches what the probe serves")
            return Attempt(verdict_)
        for name in scenario.after:
            run = self._runs.get(name)
            if run is not None and run.verdict.outcome not in _FIT:
                return Attempt(needing(name, run.verdict.outcome), lacks=name)
        return None

    def _attempt(self, run: ScenarioRun) -> None:
        """Run it as often as was asked for; once more where the first run is bad."""
        first = self._once(run.scenario, 0)
        run.attempts.append(first)
        times = max(self._repeat, 2 if first.verdict.outcome in BAD else 1)
        for n in range(1, times):
            if self._client.stopped.is_set():
                return
            if run.attempts[-1].timed_out:
                self._settle()
            run.attempts.append(self._once(run.scenario, n, is_patient=first.timed_out))
        if first.timed_out and not run.attempts[1].timed_out:
            del run.attempts[0]  # an engine that compiled what it needed for the first time

    def _settle(self) -> None:
        """Wait for an answer to something simple: some servers go on with a request that was abandoned."""
        body = encoded({"model": self._model, "input": "Hello", "stream": True})
        self._client.send(ProbeRequest("POST", "/responses", body, ""))

    def _once(self, scenario: Scenario, n: int, *, is_patient: bool = False) -> Attempt:
        mark = f"{scenario.name}/{n}"
        with Sockets(self._client, mark) as sockets, ToolServer() if scenario.local else nullcontext() as tools:
            chain = _Chain(mark, sockets)
            if tools is not None:
                chain.known["mcp"] = {"url": tools.url}
            try:
                for step in scenario.ask:
                    self._step(step, chain, is_patient=is_patient)
                    last = chain.answers[step.name]
                    if any(answer.failure or (answer.refusal and not step.may_fail) for answer in last):
                        break
            except MissingValue as missing:
                return chain.attempt(Verdict(Outcome.SKIPPED, f"an earlier response has no `{missing}`"))
        if scenario.name in _MEASURES:
            self._client.patience.learn(chain.answers[scenario.ask[0].name][0])
        return chain.attempt(verdict(scenario, chain.answers, chain.known))

    def _step(self, step: ScenarioStep, chain: _Chain, *, is_patient: bool) -> None:
        waits = (self._client.patience.again if is_patient else self._client.patience).within(step.within)
        if step.socket:
            messages = [self._message(step, chain.known | {"n": k}) for k in range(step.repeat)]
            marks = [chain.sockets.mark(step.socket)]
            chain.over_sockets.update(marks)
            answers = chain.sockets.ask(step, messages, waits)
        else:
            requests = [self._request(step, chain, k) for k in range(step.repeat)]
            marks = [request.mark for request in requests]
            answers = self._ask(step, requests, waits)
            chain.sent += zip(requests, answers, strict=True)
        chain.marks += marks
        chain.refused |= {mark for mark, answer in zip(marks, answers, strict=False) if answer.refusal}
        chain.answers[step.name] = answers
        chain.known[step.name] = _facts(answers[0])

    def _message(self, step: ScenarioStep, known: dict[str, object]) -> str | bytes:
        if step.raw is not None:
            return step.raw
        body: dict[str, Any] = filled(step.body or {}, known)
        message = encoded(body if step.bare else {"type": "response.create", "model": self._model, **body})
        return message if step.binary else message.decode()

    def _request(self, step: ScenarioStep, chain: _Chain, k: int) -> ProbeRequest:
        known = chain.known | {"n": k}
        content = None
        if step.raw is not None:
            content = step.raw.encode()
        elif step.method == "POST":
            body: dict[str, Any] = filled(step.body or {}, known)
            content = encoded(body if step.bare else {"model": self._model, "stream": True, **body})
        mark = f"{chain.mark}/{step.name}/{k}"
        return ProbeRequest(step.method, path_of(step.path, known), content, mark, step.leave_after)

    def _ask(self, step: ScenarioStep, requests: Sequence[ProbeRequest], waits: Patience) -> list[Answer]:
        def send(request: ProbeRequest) -> Answer:
            return self._client.send(request, waits)

        if len(requests) > 1:
            with ThreadPoolExecutor(len(requests)) as pool:
                return list(pool.map(send, requests))
        answer = send(requests[0])
        end = time.monotonic() + waits.total
        while step.until and not answer.failure and not answer.refusal and not self._client.stopped.is_set():
            if answer.response.get("status") in step.until or time.monotonic() > end:
                break
            time.sleep(_BETWEEN_POLLS)
            answer = send(requests[0])
        return [answer]


def _facts(answer: Answer) -> Mapping[str, object]:
    """What later requests may refer to: the members of the response, and `call`, its first function call."""
    calls = [item for item in answer.items if item.get("type") == "function_call"]
    return {**answer.response, **({"call": calls[0]} if calls else {})}
