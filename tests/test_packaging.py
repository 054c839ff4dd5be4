"""What the wheel holds, and that the names of the library are there."""

import ast
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import responses_tap

TOP = Path(__file__).parents[1]


def test_the_public_names_exist() -> None:
    for name in responses_tap.__all__:
        assert getattr(responses_tap, name) is not None


def test_every_rule_that_bytes_can_show_has_a_sample() -> None:
    from responses_tap.protocol.rules import RULES

    shown = {path.name[:5] for path in (TOP / "recordings/broken").glob("*.sse")}
    # TR909 needs a profile, TR906 and TR907 an HTTP head, TM arrival times, WS a socket.
    beyond_bytes = {"TR906", "TR907", "TR909"} | {code for code in RULES if code.startswith(("TM", "WS"))}
    assert set(RULES) - shown == beyond_bytes


def test_the_wheel_holds_all_modules_and_samples(tmp_path: Path) -> None:
    subprocess.run(["uv", "build", "--wheel", "--quiet", "-o", tmp_path, TOP], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for root, package in (("addon", "responses_tap"), ("viewer", "responses_tap_viewer")):
        for path in (TOP / root / package).rglob("*"):
            if path.suffix in (".py", ".tcss", ".typed", ".html", ".css", ".js"):
                assert path.relative_to(TOP / root).as_posix() in names
    for path in (TOP / "recordings").rglob("*.sse"):
        assert f"responses_tap_viewer/{path.relative_to(TOP).as_posix()}" in names
    assert not [name for name in names if name.startswith("tests/") or ".db" in name]


def test_the_library_alone_needs_no_proxy_and_no_terminal() -> None:
    code = "import responses_tap, sys; print(*({'mitmproxy', 'textual', 'click', 'sqlite_utils'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_what_is_imported_is_declared() -> None:
    # A library that only came with another one is gone with its next release.
    declared = {_name(requirement) for requirement in requires("responses-tap") or []}
    declared |= {"pytest"}  # the plugin runs inside it
    declared |= {"pydantic-core"}  # pydantic names one version of it
    own = {"responses_tap", "responses_tap_viewer"}
    standard = sys.stdlib_module_names | {"compression"}  # from Python 3.14 on, instead of a backport
    providers = packages_distributions()
    for path in [*(TOP / "addon").rglob("*.py"), *(TOP / "viewer").rglob("*.py")]:
        for module in set(_imports(path)) - standard - own:
            assert declared & {_name(provider) for provider in providers.get(module, [])}, f"{path} imports {module}"


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-").replace(".", "-")
