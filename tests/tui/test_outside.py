"""Pages in other programs, and a pane that has the screen to itself: in a real terminal where it must be one."""

import time
from pathlib import Path

from tests.terminal import SECONDS, TAP, Terminal, terminal
from tests.tui.conftest import Recorder, browsing


def wait_for(ours: Terminal, file: Path, text: str) -> str:
    """What is in a file when it has this text; the terminal's output is read meanwhile, or nothing would go on."""
    deadline = time.monotonic() + SECONDS
    while not file.exists() or text not in file.read_text():
        assert time.monotonic() < deadline, file
        ours.shows()
        time.sleep(0.05)
    return file.read_text()


def test_p_opens_the_page_in_the_pager_and_w_the_report_in_the_browser(four: Recorder, tmp_path: Path) -> None:
    script = tmp_path / "browser.sh"
    script.write_text('echo "$1" > address.txt\ncp "${1#file://}" got.html\n')
    command = f"PAGER='tee page.txt' BROWSER='sh {script} %s' {TAP} view {four.writer.path}"
    with terminal(command, tmp_path) as ours:
        ours.shows("✖ NS201", "Missing")  # the page of the first finding
        ours.press("p")
        page = wait_for(ours, tmp_path / "page.txt", "Source")
        assert page.startswith("✖ NS201 item-not-opened")
        assert "\x1b" not in page
        ours.press("w")
        ours.shows("Opened")
        report = wait_for(ours, tmp_path / "got.html", "</html>")
        assert "NS201" in report
        assert "Bearer ‹masked" in report
        file = Path((tmp_path / "address.txt").read_text().strip().removeprefix("file://"))
        assert file.exists()
        ours.press("q")
        assert ours.ends() == 0
    assert not file.exists()


async def test_a_pager_that_is_not_there_is_reported(four: Recorder) -> None:
    async with browsing(four) as screen:  # without a terminal there is nothing to hand over
        await screen.press("p")
        await screen.shows("cannot be started as a pager")


async def test_plus_shows_a_pane_alone_and_all_again(four: Recorder) -> None:
    async with browsing(four) as screen:
        panes = {"Streams", "Stream 4"}
        await screen.until(lambda: all(name in screen.text for name in panes))
        await screen.press("plus")
        await screen.until(lambda: "─ Stream 4" not in screen.text and " Streams ·" in screen.text)
        await screen.press("enter")
        await screen.until(lambda: " Stream 4 ·" in screen.text and " Streams ·" not in screen.text)
        await screen.press("plus")
        await screen.until(lambda: " Stream 4 ·" in screen.text and " Streams ·" in screen.text)
