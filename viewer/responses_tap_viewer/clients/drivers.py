"""The drivers of the official clients: a program each in programs/, which runs a client on stream after stream.

programs/harness.py says what such a program reads and prints.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from responses_tap.errors import UnusableInput

PROGRAMS = Path(__file__).with_name("programs")


class Driver(NamedTuple):
    """How one client is run."""

    client: str
    """The client, as `--client` takes it; the drivers of one client share an environment."""
    program: Path
    """What runs it; the suffix says with what: .py or .mjs."""
    packages: tuple[str, ...]
    """What it needs from PyPI or npm; the first one's version is the client's."""
    api: str = ""
    """Which of the client's ways it takes; empty where there is only one."""
    runs_tools: bool = False
    """Whether the client would run what a stream calls on this machine."""

    @property
    def name(self) -> str:
        """The client with its API."""
        return f"{self.client} {self.api}".strip()

    @property
    def is_node(self) -> bool:
        """Whether it needs Node."""
        return self.program.suffix == ".mjs"


class WantedDriver(NamedTuple):
    """A driver, and the version of its client that is wanted; empty for any."""

    driver: Driver
    version: str = ""


def _driver(client: str, program: str, *packages: str, api: str = "", runs_tools: bool = False) -> Driver:
    return Driver(client, PROGRAMS / program, packages, api, runs_tools)


_ALL = (
    _driver("openai-python", "openai_python_create.py", "openai", api="create"),
    _driver("openai-python", "openai_python_stream.py", "openai", api="stream()"),
    _driver("openai-node", "openai_node_create.mjs", "openai", api="create"),
    _driver("openai-node", "openai_node_stream.mjs", "openai", api="stream()"),
    _driver("ai-sdk", "ai_sdk_openai.mjs", "@ai-sdk/openai", "ai"),
    _driver("ai-sdk-open-responses", "ai_sdk_open_responses.mjs", "@ai-sdk/open-responses", "ai"),
    _driver("openai-agents", "agents_python.py", "openai-agents"),
    _driver("openai-agents-js", "agents_node.mjs", "@openai/agents"),
    _driver("langchain-openai", "langchain_chat.py", "langchain-openai"),
    _driver("pydantic-ai", "pydantic_ai_direct.py", "pydantic-ai-slim[openai]"),
    _driver("litellm", "litellm_completion.py", "litellm"),
    _driver("codex", "codex_exec.mjs", "@openai/codex", runs_tools=True),
)
DRIVERS = {driver.name: driver for driver in _ALL}
"""Every driver by its name."""


def wanted_drivers(texts: Iterable[str], drivers: Mapping[str, Driver] = DRIVERS) -> list[WantedDriver]:
    """The drivers that NAME or NAME==VERSION mean, a client's name all of its; every driver for no text.

    UnusableInput for an unknown name.
    """
    wanted = [each for text in texts for each in _meant(text, drivers)]
    return wanted or [WantedDriver(driver) for driver in drivers.values()]


def _meant(text: str, drivers: Mapping[str, Driver]) -> list[WantedDriver]:
    name, is_pinned, version = text.partition("==")
    found = [driver for driver in drivers.values() if name in (driver.name, driver.client)]
    if not found:
        raise UnusableInput("--client", f"names the unknown client {name!r}; known: {', '.join(drivers)}")
    if is_pinned and not _is_version(version):
        raise UnusableInput("--client", f"has the invalid version {version!r}: expected NAME==1.2.3")
    return [WantedDriver(driver, version) for driver in found]


def _is_version(text: str) -> bool:
    """Whether it can be given to pip and npm, and is a safe name of a folder."""
    return text.isascii() and text[:1].isdigit() and text.replace(".", "").replace("-", "").isalnum()
