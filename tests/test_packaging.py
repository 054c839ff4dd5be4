"""What the wheels contain, and that the library's names are there."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import pytest

import responses_tap

TOP = Path(__file__).parents[1]


def test_the_public_names_exist() -> None:
    for name in responses_tap.__all__:
        assert getattr(responses_tap, name) is not None


def test_every_rule_that_bytes_can_show_has_a_sample() -> None:
    from responses_tap.protocol.rules import RULES

    shown = {path.name[:5] for path in (TOP / "recordings/broken").glob("*.sse")}
    # TR909 needs a profile; TR906, TR907 and TR915 an HTTP head; RQ007, TR916 and TR918 a request; TM arrival times; WS
    # a socket.
    beyond_bytes = {"RQ007", "TR906", "TR907", "TR909", "TR915", "TR916", "TR918"}
    beyond_bytes |= {code for code in RULES if code.startswith(("TM", "WS"))}
    assert set(RULES) - shown == beyond_bytes


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, freshly built, by the name of their distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(["uv", "build", "--all-packages", "--wheel", "--quiet", "-o", folder, TOP], check=True)
    return {path.name.partition("-")[0]: path for path in folder.glob("*.whl")}


def test_the_wheels_contain_all_modules_and_samples(wheels: dict[str, Path]) -> None:
    for root, package, name in (
        ("addon", "responses_tap", "responses_tap_core"),
        ("viewer", "responses_tap_viewer", "responses_tap"),
    ):
        names = _names(wheels[name])
        for path in (TOP / root / package).rglob("*"):
            if path.suffix in (".py", ".tcss", ".typed", ".html", ".css", ".js", ".toml"):
                assert path.relative_to(TOP / root).as_posix() in names
        assert not [entry for entry in names if entry.startswith("tests/") or ".db" in entry]
    samples = _names(wheels["responses_tap"])
    for path in (TOP / "recordings").rglob("*.sse"):
        assert f"responses_tap_viewer/{path.relative_to(TOP).as_posix()}" in samples


_SUITE = """
from io import BytesIO

from responses_tap import check
from responses_tap.formats.recognition import recognise


def test_the_checker(responses_tap):
    body = open({sample!r}, "rb").read()
    responses_tap.check(body)
    assert check(body).ok
    (stream,) = recognise(BytesIO(body)).streams
    events = b"\\n".join(taken.frame.data for taken in stream.frames if taken.frame.data)
    assert recognise(BytesIO(events)).kind == "JSON lines of events"
"""


def test_the_library_installs_with_pydantic_alone(wheels: dict[str, Path], tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = ["uv", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--python", python, wheels["responses_tap_core"], "pytest"], check=True)
    listed = subprocess.run(
        ["uv", "pip", "list", "--python", python, "--format", "json"], capture_output=True, text=True, check=True
    )
    installed = {package["name"] for package in json.loads(listed.stdout)}
    pytests_own = {"pytest", "iniconfig", "packaging", "pluggy", "pygments"}
    pydantics_own = {"pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection"}
    assert installed - pytests_own - pydantics_own == {"responses-tap-core"}

    (tmp_path / "test_server.py").write_text(_SUITE.format(sample=str(TOP / "recordings/clean/text.sse")))
    # -P and an empty folder: nothing of this checkout is imported.
    done = subprocess.run(
        [python, "-P", "-m", "pytest", "-q"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


_CLIENT = """
import json, urllib.request
import responses_tap_viewer

def test_a_sample_is_served(responses_tap):
    assert responses_tap_viewer.__file__.startswith({folder!r})
    request = urllib.request.Request(responses_tap.server(fault="ST709") + "/responses", data=b'{{"model":"m"}}')
    assert json.load(urllib.request.urlopen(request))["usage"] is None
"""


def test_the_installed_program_serves_its_own_samples(wheels: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "site"
    for wheel in wheels.values():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    (tmp_path / "test_client.py").write_text(_CLIENT.format(folder=str(folder)))
    # The folder comes before the checkout, with the plugins that its metadata names.
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_library_alone_needs_no_proxy_and_no_terminal() -> None:
    code = "import responses_tap, sys; print(*({'mitmproxy', 'textual', 'click', 'sqlite_utils'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_checking_a_text_imports_neither_database_nor_proxy() -> None:
    code = (
        "import sys; from responses_tap_viewer.cli import main; main(['check', sys.argv[1]], standalone_mode=False); "
        "print(*({'sqlite_utils', 'mitmproxy', 'textual', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    sample = TOP / "recordings/clean/text.sse"
    done = subprocess.run([sys.executable, "-c", code, sample], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_listing_a_recording_imports_only_what_reads_it(tmp_path: Path) -> None:
    db = tmp_path / "listed.db"
    imported = [sys.executable, "-m", "responses_tap_viewer", "import", TOP / "recordings/clean/text.sse", "--db", db]
    subprocess.run(imported, capture_output=True, check=True)
    code = (
        "import sys; from responses_tap_viewer.cli import main; main(['list', sys.argv[1]], standalone_mode=False); "
        "print(*({'sqlite_utils', 'dateutil', 'mitmproxy', 'textual', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, db], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_what_is_imported_is_declared() -> None:
    # A library that merely comes along with another may vanish with that one's next release.
    core, whole = requires("responses-tap-core") or [], requires("responses-tap") or []
    declared = {_name(requirement) for requirement in (*core, *whole)}
    declared |= {"pytest"}  # the plugin runs inside it
    declared |= {"pydantic-core"}  # pydantic names one version of it
    own = {"responses_tap", "responses_tap_viewer"}
    standard = sys.stdlib_module_names | {"compression"}  # from Python 3.14 on, instead of a backport
    providers = packages_distributions()
    for path in [*(TOP / "addon").rglob("*.py"), *(TOP / "viewer").rglob("*.py")]:
        if path.parent.name == "programs":
            continue  # the clients' drivers run in environments that have their clients
        for module in set(_imports(path)) - standard - own:
            assert declared & {_name(provider) for provider in providers.get(module, [])}, f"{path} imports {module}"


def test_both_wheels_have_one_version() -> None:
    assert version("responses-tap") == version("responses-tap-core")


def _names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-").replace(".", "-")
