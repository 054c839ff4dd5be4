"""Scenarios: what to ask of a server and what a correct answer shows, one TOML file a group."""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

SCENARIOS = Path(__file__).with_name("scenarios")
GROUPS = (
    "text",
    "limits",
    "format",
    "tools",
    "reasoning",
    "input",
    "state",
    "background",
    "errors",
    "websocket",
    "hosted",
    "concurrency",
)
"""In the order in which they are run: what the later ones need, the earlier ones show."""

type Owner = Literal["server", "model", "feature"]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScenarioStep(_Data):
    """One request.

    In it, `${NAME.PATH}` stands for a value of an earlier answer, `${new:msg}` for a fresh id, `${words:9}` for a text
    of nine words, and `${mcp.url}` for a tool server that the probe runs for a `local` scenario.
    """

    name: str = "answer"
    """What later steps and expectations call its answer."""
    method: Literal["GET", "POST", "DELETE"] = "POST"
    path: str = "/responses"
    body: dict[str, Any] | None = None
    """Members of the request's body; `model` and `stream: true` are added where they are missing."""
    raw: str | None = None
    """The body, or the message, as it is sent, instead of `body`."""
    socket: str = ""
    """Send it as a message over the WebSocket of this name, which the first such step opens."""
    binary: bool = False
    """Whether the message is sent in a binary frame."""
    leave_after: int | None = Field(None, ge=1)
    """After how many events the client leaves."""
    follow_after: int | None = Field(None, ge=1)
    """After how many events the next step is sent over the same socket; its answer has the rest of this one."""
    ends: int = Field(1, ge=1)
    """How many responses and errors a message leads to; the server may leave out those after the first."""
    may_be_ignored: bool = False
    """Whether the server may leave it unanswered, and may close the socket."""
    within: float | None = Field(None, gt=0)
    """Seconds that the answer may take at most, even if the server is slow in general."""
    bare: bool = False
    """Whether nothing is added to the body."""
    may_fail: bool = False
    """Whether a refusal of this step is no refusal of what the scenario asks."""
    repeat: int = Field(1, ge=1)
    """How often it is sent at once; `${n}` is the number of the request."""
    until: list[str] = []
    """Ask again until the response has one of these statuses."""


class Expectation(_Data):
    """What an answer must show, by a check of checks.py and its arguments."""

    check: str
    owner: Owner = "server"
    """Whose fault it is if it is missing: the server's (`unexpected`), the model's (`skipped`), or nobody's, because
    the server need not have the feature (`unsupported`)."""
    of: str = ""
    """The step whose answer is meant; the last one's where it is empty."""
    model_config = ConfigDict(extra="allow", frozen=True)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of its check."""
        return dict(self.model_extra or {})


class Scenario(_Data):
    """Something that a server is asked, and what a correct one answers."""

    name: str
    group: str
    title: str
    source: str
    """Where it is written that a server must: a section of the specification, of the API reference, an issue."""
    after: list[str] = []
    """Scenarios without whose success this one says nothing."""
    hosted: bool = False
    """Whether it is run by name alone: it costs, or needs what most servers lack."""
    refusal: Literal["unsupported", "wanted", "fine", "never"] = "unsupported"
    """What it means that the server refuses: that it lacks the feature, that it is right (`wanted`), that it is as
    right as an answer (`fine`); `never`: the server is wrong."""
    instead_of: list[str] = []
    """Rules that the expectations stand for: their findings don't count here."""
    local: bool = False
    """Whether the server has to reach what the probe serves, so that it must be on the same machine."""
    ask: list[ScenarioStep]
    expect: list[Expectation] = []


class BadScenario(Exception):  # noqa: N818 (as the other exceptions of one line)
    """A scenario file that can't be used. The message is one line: what, where."""


@cache
def load(folder: Path = SCENARIOS) -> tuple[Scenario, ...]:
    """The scenarios of all groups, in the order in which they are run. BadScenario where a file can't be used."""
    return tuple(_load(folder))


def _load(folder: Path) -> Iterator[Scenario]:
    for group in GROUPS:
        path = folder / f"{group}.toml"
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
            defined = document.pop("define", {})
            scenarios = document.pop("scenario")
        except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
            raise BadScenario(f"{path.name}: {error}") from error
        for data in scenarios:
            try:
                yield Scenario.model_validate({"group": group, **_filled(data, defined)})
            except ValidationError as error:
                place = ".".join(str(part) for part in error.errors()[0]["loc"])
                raise BadScenario(f"{path.name}: {data.get('name')}: {place}: {error.errors()[0]['msg']}") from error


def _filled(value: Any, defined: dict[str, Any]) -> Any:  # noqa: ANN401 (TOML's values)
    """The value with `@NAME` replaced by what the file defines under that name."""
    if isinstance(value, str) and value.startswith("@"):
        return defined[value[1:]]
    if isinstance(value, list):
        return [_filled(inner, defined) for inner in value]
    if isinstance(value, dict):
        return {key: _filled(inner, defined) for key, inner in value.items()}
    return value
