"""What the terminal UI opens on, and how a finding stands in the timeline."""

import pytest
from tests.conftest import RECORDINGS
from tests.tui.conftest import GOOD, MEDIUM, NARROW, SEED, WIDE, Recorder, opened

from responses_tap.protocol.rules import RULES
from responses_tap_viewer.tui.widgets.lines import Lines

SIZES = pytest.mark.parametrize("size", [WIDE, MEDIUM, (80, 24), NARROW], ids=["wide", "medium", "80", "narrow"])


@SIZES
async def test_it_opens_at_the_first_finding(four: Recorder, size: tuple[int, int]) -> None:
    async with opened(four.writer.path, size) as screen:
        await screen.is_at(2)
        await screen.until(lambda: screen.row == "finding NS201" and screen.focus == "timeline")
        await screen.press("escape")
        await screen.until(lambda: screen.focus == "streams")
        assert screen.selected == 2


async def test_the_page_of_the_first_finding_is_shown(four: Recorder) -> None:
    async with opened(four.writer.path) as screen:
        await screen.shows("✖ NS201 item-not-opened  error", "response.output_item.added is expected here")


async def test_a_note_is_not_what_it_opens_at_where_there_is_an_error(recorder: Recorder) -> None:
    recorder.add((RECORDINGS / "broken" / "ogx-1.5.0-reasoning.sse").read_bytes())
    async with opened(recorder.writer.path, MEDIUM) as screen:
        await screen.until(lambda: screen.row == "finding NS201")
        await screen.press("N")
        await screen.until(lambda: screen.row == "finding TR902")


async def test_the_first_finding_is_shown_however_many_streams_come_after_it(recorder: Recorder) -> None:
    recorder.add(GOOD)
    recorder.add(SEED)
    for _ in range(600):
        recorder.start(state="completed", end_ns=1)
    recorder.writer.commit()
    async with opened(recorder.writer.path) as screen:
        await screen.is_at(2)
        await screen.until(lambda: screen.row == "finding NS201")


async def test_without_a_finding_it_opens_at_the_newest_stream(recorder: Recorder) -> None:
    recorder.add(GOOD)
    recorder.add(GOOD)
    async with opened(recorder.writer.path) as screen:
        await screen.is_at(2)
        assert screen.focus == "streams"


@SIZES
async def test_a_finding_is_wrapped_with_its_fix_below(four: Recorder, size: tuple[int, int]) -> None:
    async with opened(four.writer.path, size) as screen:
        await screen.until(lambda: screen.row == "finding NS201")
        lines = screen.timeline.lines
        for width in (size, (size[0] - 7, size[1])):
            await screen.pilot.resize_terminal(*width)
            await screen.until(lambda width=width: screen.app.size == width)
            await screen.pilot.pause()
            shown = "".join("".join(drawn(screen.timeline.lines)).split())
            finding = screen.timeline.rows[lines.cursor].finding
            assert finding is not None
            fix = RULES["NS201"].page().fix.replace("`", "")
            assert shown == "".join(f"✖ NS201 item-not-opened {finding.message} fix: {fix}".split())


def drawn(lines: Lines) -> list[str]:
    """The lines under the cursor, those that are scrolled out of sight, too."""
    source = lines.source
    texts = (source.part(lines.cursor, part, lines.text_width) for part in range(source.heights.of(lines.cursor)))
    return ["".join(text for text, _ in line) for line in texts]


async def test_the_cursor_is_on_all_lines_of_a_finding_and_leaves_them_at_once(four: Recorder) -> None:
    async with opened(four.writer.path, MEDIUM) as screen:
        await screen.until(lambda: screen.row == "finding NS201")
        lines = screen.timeline.lines
        height = lines.source.heights.of(lines.cursor)
        assert height > 1
        assert sum(line.startswith("▌") for line in screen.text.split("\n")) == height
        await screen.press("down")
        assert screen.row == "finding NS205"
        await screen.press("up", "up")
        assert screen.row == "event response.content_part.added"
        await screen.press("end", "pageup", "home")
        assert screen.row == "event response.created"
        await screen.press("pagedown", "pagedown", "pagedown", "pagedown")
        assert lines.at_end


async def test_a_click_on_any_line_of_a_finding_selects_it(four: Recorder) -> None:
    async with opened(four.writer.path, MEDIUM) as screen:
        await screen.until(lambda: screen.row == "finding NS201")
        lines = screen.timeline.lines
        first = lines.source.heights.top(lines.cursor) - lines.scroll_offset.y
        await screen.press("home")
        await screen.pilot.click("#timeline", offset=(20, first + 1))
        await screen.until(lambda: screen.row == "finding NS201")
