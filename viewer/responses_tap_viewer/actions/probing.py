"""`probe`: asks servers what a correct one answers, records what comes, and judges it."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from responses_tap.errors import UnusableInput
from responses_tap.mitm.proxy import Proxy
from responses_tap.recorder.messages import Notice
from responses_tap.store import open_recording
from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.client import MARKER, Client, Patience
from responses_tap_viewer.probe.matrix import Matrix, Target, fill, streams_by_mark
from responses_tap_viewer.probe.runner import Run, Runner
from responses_tap_viewer.probe.scenario import Scenario, load

_NOT_FOUND = (404, 405)
_REFUSED_KEY = (401, 403)


@dataclass(frozen=True)
class Wishes:
    """How to ask."""

    model: str
    scenarios: Sequence[str] = ()
    """Beginnings of names or groups: only these; empty: all that aren't hosted."""
    skipped: Sequence[str] = ()
    repeat: int = 1
    timeout: float | None = None
    """Seconds without a byte until a request is given up; None: as the server's own speed suggests."""
    headers: Mapping[str, str] = field(default_factory=dict)


def chosen(wishes: Wishes) -> list[Scenario]:
    """The scenarios to run; UnusableInput where a name leads to none."""
    scenarios = list(load())
    for name in (*wishes.scenarios, *wishes.skipped):
        if not any(_is_named(scenario, name) for scenario in scenarios):
            raise UnusableInput(name, "is no scenario and no group; `responses-tap probe --list` shows them")
    wanted = {s.name for s in scenarios if any(_is_named(s, name) for name in wishes.scenarios)}
    if not wishes.scenarios:
        wanted = {scenario.name for scenario in scenarios if not scenario.hosted}
    # What a scenario builds on is run, too.
    for scenario in reversed(scenarios):
        if scenario.name in wanted:
            wanted.update(scenario.after)
    return [s for s in scenarios if s.name in wanted and not any(_is_named(s, name) for name in wishes.skipped)]


def _is_named(scenario: Scenario, name: str) -> bool:
    return name in (scenario.name, scenario.group) or scenario.name.startswith(f"{name}-")


def probe(urls: Sequence[str], db: Path, wishes: Wishes, on_end: Callable[[str, Run], object]) -> Matrix:
    """Run the scenarios against each server in turn; UnusableInput where there is none, or it refuses the key."""
    scenarios = chosen(wishes)
    targets = []
    for n, url in enumerate(urls):
        file = db if n == 0 else db.with_stem(f"{db.stem}-{n + 1}")
        targets.append(_probe_one(url, file, wishes, scenarios, on_end))
    return Matrix(scenarios, targets)


def _probe_one(
    url: str, db: Path, wishes: Wishes, scenarios: Sequence[Scenario], on_end: Callable[[str, Run], object]
) -> Target:
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise UnusableInput(url, "is no URL; give the API's base URL, such as http://127.0.0.1:8000/v1")
    target = Target(url, wishes.model)
    first = _next_id(db)
    options = {"tap_keep": MARKER, "tap_only": ""}
    with Proxy(db, upstream=url, on_notice=_ignore, options=options) as proxy:
        patience = Patience() if wishes.timeout is None else Patience(wishes.timeout, 4 * wishes.timeout)
        client = Client(proxy.listeners[0].url, wishes.headers, patience)
        _discover(client, url, wishes.model)
        runs = Runner(client, wishes.model, repeat=wishes.repeat).run(scenarios, lambda run: on_end(url, run))
    fill(target, runs, streams_by_mark(db, first))
    return target


def _discover(client: Client, url: str, model: str) -> None:
    """Ask once, which also wakes the server; UnusableInput where nothing can be asked of it."""
    body = json.dumps({"model": model, "input": "Hello", "stream": True}).encode()
    answer = client.send("POST", "/responses", body, "")
    if answer.status == 0 or (answer.status == 502 and not answer.document):  # noqa: PLR2004 (the recorder's own)
        raise UnusableInput(url, f"does not answer ({answer.failure or answer.words})")
    if answer.status in _REFUSED_KEY:
        raise UnusableInput(url, f"refuses the key ({answer.words}); give one by --api-key-env")
    if answer.status in _NOT_FOUND:
        models = _models(client)
        if models and model not in models:
            raise UnusableInput(url, f"has no model {model!r}; it has {', '.join(models[:8])}")
        raise UnusableInput(url, f"has no Responses API: POST {url.rstrip('/')}/responses is answered {answer.status}")


def _models(client: Client) -> list[str]:
    listed: Answer = client.send("GET", "/models", None, "")
    data = listed.response.get("data")
    return [str(model.get("id")) for model in data if isinstance(model, dict)] if isinstance(data, list) else []


def _next_id(db: Path) -> int:
    """The id from which on the streams of this run are numbered."""
    if not db.exists():
        return 0
    with open_recording(db) as recording:
        return max(recording.stream_ids(), default=0)


def _ignore(notice: Notice) -> None:
    """Leave the notices: what was found is read when all was asked."""


def api_key(variable: str | None) -> str | None:
    """The key in an environment variable; UnusableInput where one is named and empty."""
    if variable is None:
        return os.environ.get("OPENAI_API_KEY") or None
    if not os.environ.get(variable):
        raise UnusableInput(f"${variable}", "is not set; put the key there")
    return os.environ[variable]
