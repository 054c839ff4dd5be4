"""What the wheel holds, and that the names of the library are there."""

import subprocess
import sys
import zipfile
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
