"""Where clients are installed: a folder each in the user's cache, made on first use by uv (or pip) or npm.

A folder gets its name, the version, when all is in it: one that is there is whole.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from responses_tap.escaping import shorten
from responses_tap_viewer.clients.drivers import Driver, WantedDriver
from responses_tap_viewer.printing import complain

_INSTALL_SECONDS = 900
_ASK_SECONDS = 60
_MOST_ERROR = 300
_UV = (("uv",), (sys.executable, "-m", "uv"))
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "SYSTEMROOT")
_QUIET = {
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "OTEL_SDK_DISABLED": "true",
    "DO_NOT_TRACK": "1",
}
"""What has the clients send nothing but the request."""
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_HOMES = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "CODEX_HOME")
_NOWHERE = "http://127.0.0.1:9"
"""The proxy for all that isn't on loopback: the discard port, at which nothing listens."""


class CannotRun(Exception):  # noqa: N818 - it is about the machine
    """A client that cannot be run here; the message is one line."""


class ClientEnvironment(NamedTuple):
    """An installed client."""

    folder: Path
    version: str

    def command(self, driver: Driver) -> list[str]:
        """What runs a driver in it. Raises CannotRun."""
        if driver.is_node:
            return [_node(self.folder, driver), str(driver.program)]
        return [str(_python(self.folder)), str(driver.program)]

    def variables(self, home: Path) -> dict[str, str]:
        """The driver's whole environment: no keys, no settings of the user's, no way out but loopback."""
        kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        proxies = dict.fromkeys((*_PROXIES, *map(str.upper, _PROXIES)), _NOWHERE)
        direct = dict.fromkeys(("no_proxy", "NO_PROXY"), "127.0.0.1,localhost,::1")
        homes = dict.fromkeys(_HOMES, str(home))
        own = {"RESPONSES_TAP_CLIENT": str(self.folder), "TMPDIR": str(home)}
        return kept | _QUIET | proxies | direct | homes | own


def environment(wanted: WantedDriver, *, newest: bool = False) -> ClientEnvironment:
    """The environment of a driver, made where there is none. Raises CannotRun.

    Without a version it is the newest one installed, or the registry's newest where none is or that is asked for.
    """
    driver, version = wanted
    place = user_cache_path("responses-tap") / "clients" / driver.client
    installed = sorted((p.name for p in place.glob("[0-9]*")), key=_numbers)
    if version in installed or (installed and not version and not newest):
        version = version or installed[-1]
        return ClientEnvironment(place / version, version)
    try:
        return _made(driver, version, place)
    except CannotRun as error:
        if installed and not version:
            complain(f"{driver.client}: {error}; going on with {installed[-1]}")
            return ClientEnvironment(place / installed[-1], installed[-1])
        raise


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def _made(driver: Driver, version: str, place: Path) -> ClientEnvironment:
    main, *others = driver.packages
    named = main if not version else f"{main}{'@' if driver.is_node else '=='}{version}"
    complain(f"installing {named} into {place} (on first use)")
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=place) as making:
            folder = Path(making) / "client"
            install = _install_node if driver.is_node else _install_python
            install(folder, [named, *others])
            found = _installed_version(folder, driver)
            if not (place / found).exists():
                folder.rename(place / found)
    except OSError as error:
        raise CannotRun(f"cannot be installed in {place} ({error.strerror or error})") from error
    return ClientEnvironment(place / found, found)


def _install_python(folder: Path, packages: Sequence[str]) -> None:
    uv = next((command for command in _UV if _works([*command, "--version"])), None)
    if uv is None:
        _installing([sys.executable, "-m", "venv", str(folder)])
        _installing([str(_python(folder)), "-m", "pip", "install", "--quiet", *packages])
        return
    _installing([*uv, "venv", "--quiet", "--python", sys.executable, str(folder)])
    _installing([*uv, "pip", "install", "--quiet", "--python", str(_python(folder)), *packages])


def _install_node(folder: Path, packages: Sequence[str]) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise CannotRun("needs Node with npm, which isn't on the PATH")
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true}')
    quiet = ("--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--no-update-notifier")
    _installing([npm, "install", "--prefix", str(folder), *quiet, *packages])


def _works(command: Sequence[str]) -> bool:
    try:
        _said(command)
    except CannotRun:
        return False
    return True


def _installing(command: Sequence[str]) -> None:
    try:
        _said(command, _INSTALL_SECONDS)
    except CannotRun as error:
        raise CannotRun(f"cannot be installed: {error}") from error


def _said(command: Sequence[str], seconds: float = _ASK_SECONDS) -> str:
    """What a command prints. Raises CannotRun where it fails."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise CannotRun(f"{name} took more than {seconds:.0f} s") from error
    except OSError as error:
        raise CannotRun(f"{name} does not start ({error.strerror})") from error
    if done.returncode:
        words = " ".join((done.stderr or done.stdout).split())
        raise CannotRun(shorten(words, _MOST_ERROR) or f"{name} exited with status {done.returncode}")
    return done.stdout.strip()


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _installed_version(folder: Path, driver: Driver) -> str:
    package = driver.packages[0].partition("[")[0]
    if driver.is_node:
        return str(_manifest(folder, package)["version"])
    return _said([str(_python(folder)), "-c", f"import importlib.metadata as m; print(m.version({package!r}))"])


def _manifest(folder: Path, package: str) -> Mapping[str, object]:
    try:
        manifest = json.loads((folder / "node_modules" / package / "package.json").read_bytes())
    except (OSError, ValueError) as error:
        raise CannotRun(f"has no usable {package} in {folder}; remove that folder to install it again") from error
    return manifest if isinstance(manifest, dict) else {}


def _node(folder: Path, driver: Driver) -> str:
    """The Node that runs a driver, if it is new enough for the packages of its client."""
    node = shutil.which("node")
    if node is None:
        raise CannotRun("not run: it needs Node, which isn't on the PATH")
    have = _said([node, "--version"])
    for package in driver.packages:
        engines = _manifest(folder, package).get("engines")
        needs = str(engines.get("node", "")) if isinstance(engines, dict) else ""
        least = re.fullmatch(r">=\s*(\d+)[\d.]*", needs)
        if least and _numbers(have)[:1] < [int(least[1])]:
            raise CannotRun(f"not run: {package} needs Node {needs}, and this is {have}")
    return node
