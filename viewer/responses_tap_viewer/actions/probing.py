"""`probe`: asks servers what a correct one answers, records what comes, and judges it."""

import os
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import BaseModel, ValidationError

from responses_tap.errors import UnusableInput
from responses_tap.mitm.proxy import CannotRecord, Proxy
from responses_tap.privacy.body_masking import as_text
from responses_tap.privacy.masking import Masker
from responses_tap.recorder.messages import Notice
from responses_tap.store.writer import Writer
from responses_tap.urls import is_loopback
from responses_tap_viewer.actions.recording.environment import upstream_ca
from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.client import Patience, ProbeClient, ProbeRequest
from responses_tap_viewer.probe.curl_line import curl_line
from responses_tap_viewer.probe.discovery import discover
from responses_tap_viewer.probe.matrix import (
    Matrix,
    ProbedStream,
    Result,
    Target,
    UnrecordedRequest,
    fill,
    streams_by_mark,
)
from responses_tap_viewer.probe.runner import Runner, ScenarioRun
from responses_tap_viewer.probe.scenario import Scenario, load
from responses_tap_viewer.streams import last_id, open_existing

_SHOWN = 2000
"""Characters of a body that no stream shows."""


@dataclass(frozen=True)
class Plan:
    """What to ask, and how."""

    model: str
    scenarios: Sequence[str] = ()
    """Names, beginnings of names, or groups: only these; empty: all that aren't hosted."""
    skipped: Sequence[str] = ()
    repeat: int = 1
    parallel: int = 1
    timeout: float | None = None
    """Seconds without a byte until a request is given up; None: as the server's own speed suggests."""
    headers: Mapping[str, str] = field(default_factory=dict)
    shown_headers: Mapping[str, str] = field(default_factory=dict)
    """The same headers as words of a shell, with variables for secrets."""


class _Kept(BaseModel):
    """What a recording keeps of a run."""

    version: Literal[1] = 1
    url: str
    model: str
    server: str
    after: int
    """The id of the last stream before the run."""
    results: list[Result]


type OnEnd = Callable[[ScenarioRun], object]


def chosen(plan: Plan, *, with_hosted: bool = False, with_bases: bool = True) -> list[Scenario]:
    """The scenarios to run, or `with_hosted` those that can be, `with_bases` and those that they build on.

    UnusableInput where a name leads to none, or none is left.
    """
    scenarios = list(load())
    for name in (*plan.scenarios, *plan.skipped):
        if not any(_is_named(scenario, name) for scenario in scenarios):
            raise UnusableInput(name, "is not a scenario or group; `responses-tap probe --list` shows them")
    wanted = {s.name for s in scenarios if any(_is_named(s, name) for name in plan.scenarios)}
    if not plan.scenarios:
        wanted = {scenario.name for scenario in scenarios if with_hosted or not scenario.hosted}
    for scenario in reversed(scenarios if with_bases else ()):
        if scenario.name in wanted:
            wanted.update(scenario.after)
    left = [s for s in scenarios if s.name in wanted and not any(_is_named(s, name) for name in plan.skipped)]
    if not left:
        raise UnusableInput("--skip", "leaves no scenario to run; `responses-tap probe --list` shows them")
    return left


def _is_named(scenario: Scenario, name: str) -> bool:
    return name in (scenario.name, scenario.group) or scenario.name.startswith(f"{name}-")


def probe(
    urls: Sequence[str], db: Path, plan: Plan, on_end: OnEnd, on_error: Callable[[UnusableInput], object]
) -> Matrix:
    """Run the scenarios against each server in turn; `on_error` gets those that can't be asked."""
    scenarios = chosen(plan)
    targets = []
    is_interrupted = False
    for n, url in enumerate(urls):
        file = db if n == 0 else db.with_stem(f"{db.stem}-{n + 1}")
        try:
            target, is_interrupted = _probe_one(url, file, plan, scenarios, on_end)
        except UnusableInput as error:
            on_error(UnusableInput(error.source, _hidden(error.message, plan)))
        except CannotRecord as error:
            on_error(UnusableInput(str(file), str(error)))
        else:
            targets.append(target)
        if is_interrupted:
            break
    return Matrix(scenarios, targets, is_interrupted)


def _probe_one(url: str, db: Path, plan: Plan, scenarios: Sequence[Scenario], on_end: OnEnd) -> tuple[Target, bool]:
    """Run the scenarios against one server: its part of the matrix, and whether the user broke it off."""
    base = _base(url)
    after = last_id(db)
    with _recorder(base, db) as proxy:
        client = _client(proxy, base, plan)
        server = discover(client, base, plan.model)
        is_local = is_loopback(urlsplit(base).hostname or "")
        runner = Runner(client, plan.model, is_local=is_local, repeat=plan.repeat, parallel=plan.parallel)
        runs = runner.run(scenarios, on_end)
    recorded = streams_by_mark(db, after)
    results = [_result(run, base, plan, recorded) for run in runs]
    kept = _Kept(url=base, model=plan.model, server=server, after=after, results=results)
    writer = Writer(db)
    writer.set_meta("probe", kept.model_dump_json())
    writer.commit()
    writer.close()
    return _target(kept, scenarios, recorded), runner.is_interrupted


def _target(kept: _Kept, scenarios: Sequence[Scenario], streams: Mapping[str, Sequence[ProbedStream]]) -> Target:
    target = Target(kept.url, kept.model, kept.server)
    fill(target, scenarios, kept.results, streams)
    return target


def from_recordings(paths: Sequence[Path], plan: Plan) -> Matrix:
    """The matrix of earlier runs, by what each recording keeps of its last one, of the scenarios that the plan names.

    UnusableInput where a recording has none.
    """
    selected = chosen(plan, with_hosted=True, with_bases=False)
    kept = [(path, _kept(path)) for path in paths]
    scenarios = list(load())
    known = {scenario.name for scenario in scenarios}
    for path, one in kept:
        if strange := [result.scenario for result in one.results if result.scenario not in known]:
            raise UnusableInput(str(path), f"has the scenario {strange[0]}, which this version doesn't; probe again")
    run = {result.scenario for _, one in kept for result in one.results}
    targets = [_target(one, scenarios, streams_by_mark(path, one.after)) for path, one in kept]
    shown = [scenario for scenario in selected if scenario.name in run]
    if not shown:
        raise UnusableInput("", "these recordings have no outcome of any selected scenario")
    for target in targets:
        target.cells = {one.name: target.cells[one.name] for one in shown if one.name in target.cells}
    return Matrix(shown, targets)


def _kept(path: Path) -> _Kept:
    with open_existing(path) as recording:
        text = recording.probe()
    if text is None:
        raise UnusableInput(str(path), "isn't a recording of `responses-tap probe`")
    try:
        return _Kept.model_validate_json(text)
    except ValidationError as error:
        raise UnusableInput(str(path), "has outcomes that can't be read; probe again") from error


def _base(url: str) -> str:
    """The URL of an API without what a base URL can't have; UnusableInput where it isn't one."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise UnusableInput(url.rpartition("@")[2], "isn't a base URL; give one such as http://127.0.0.1:8000/v1")
    if parts.username or parts.query or parts.fragment:
        message = "has a user, a query or a fragment; give the base URL, and a key by --api-key-env or --header"
        raise UnusableInput(url.rpartition("@")[2].partition("?")[0], message)
    return url.rstrip("/")


def _recorder(base: str, db: Path) -> Proxy:
    """The recorder on the way to a server: by the proxy that the environment names for it, if there is one."""
    options = {"ssl_verify_upstream_trusted_ca": upstream_ca()}
    between = _environment_proxy(urlsplit(base))
    if between is None:
        return Proxy(db, upstream=base, on_notice=_ignore, options=options)
    return Proxy(db, modes=[f"upstream:{between}"], on_notice=_ignore, options=options)


def _environment_proxy(parts: SplitResult) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for a server; never one for this machine itself."""
    host = parts.hostname or ""
    if is_loopback(host) or proxy_bypass(host):
        return None
    return getproxies().get(parts.scheme)


def _client(proxy: Proxy, base: str, plan: Plan) -> ProbeClient:
    patience = Patience.of(plan.timeout)
    listener = proxy.listeners[0]
    if listener.mode == "reverse":
        return ProbeClient(listener.url, plan.headers, patience=patience)
    between = _environment_proxy(urlsplit(base)) or ""
    return ProbeClient(base, plan.headers, listener.url, proxy.ca.decode(), between, patience)


def _result(run: ScenarioRun, base: str, plan: Plan, recorded: Container[str]) -> Result:
    outcome, message = run.verdict
    sent = [pair for attempt in run.attempts for pair in attempt.sent]
    return Result(
        scenario=run.scenario.name,
        outcome=outcome,
        message=_hidden(message, plan),
        runs=len(run.attempts),
        marks=[mark for attempt in run.attempts for mark in attempt.marks],
        refused=sorted(mark for attempt in run.attempts for mark in attempt.refused),
        sockets=sorted(mark for attempt in run.attempts for mark in attempt.sockets),
        curl=curl_line(base, plan.shown_headers, sent[-1][0]) if sent else "",
        unrecorded=[_unrecorded(*pair, plan) for pair in sent if pair[0].mark not in recorded],
        lacks=run.attempts[-1].lacks,
    )


def _unrecorded(request: ProbeRequest, answer: Answer, plan: Plan) -> UnrecordedRequest:
    """A request and its answer, masked as a recording is."""
    asked, came = (
        _hidden(Masker().body(as_text(body)), plan)[:_SHOWN] for body in (request.content or b"", answer.body)
    )
    return UnrecordedRequest(
        request=f"{request.method} {request.path}", content=asked, status=answer.status, answer=came or answer.trouble
    )


def _hidden(text: str, plan: Plan) -> str:
    """A text with a server's words in it, which may repeat what it was sent."""
    for value in plan.headers.values():
        text = text.replace(value.removeprefix("Bearer "), "…") if value.strip() else text
    return text


def _ignore(notice: Notice) -> None:
    """Leave the notices: what was found is read when all was asked."""


def api_key(variable: str | None) -> tuple[str, str] | None:
    """The environment variable of the key, and the key; UnusableInput where one is named and empty."""
    if variable is None:
        key = os.environ.get("OPENAI_API_KEY")
        return ("OPENAI_API_KEY", key) if key else None
    if not os.environ.get(variable):
        raise UnusableInput(f"${variable}", "is not set; put the key there")
    return variable, os.environ[variable]
