"""The timeline: its tree, its times and chunks, and what is still arriving."""

import re

from tests.conftest import RECORDINGS, body
from tests.tui.conftest import CUT, GOOD, MEDIUM, NARROW, Recorder, Screen, browsing

DELTA = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "abc"}


def rows(screen: Screen) -> list[str]:
    """The lines of the timeline, without times."""
    lines = screen.text.split("\n")
    return [line[:97] for line in lines if re.match(r"[ ▌] {1,9}[+-]?[0-9.]+ +[0-9]+ ", line)]


def axis(screen: Screen) -> str:
    return next(line for line in screen.text.split("\n") if line.endswith(" s") and "·" in line)


async def test_scopes_are_drawn_as_a_tree(recorder: Recorder) -> None:
    recorder.add((RECORDINGS / "clean" / "text.sse").read_bytes())
    async with browsing(recorder, MEDIUM) as screen:
        await screen.shows("▸ output_text.delta")
        tree = [re.split("[a-z]", line[18:])[0] for line in rows(screen)]
        opened = ["╭ ", "├ ", "│ ╭ ", "│ │ ╭ "]
        assert tree == [*opened, "│ │ ├ ▸ ", "│ │ ├ ", "│ │ ╰ ", "│ ╰ ", "╰ "]


async def test_c_shows_the_borders_of_chunks(recorder: Recorder) -> None:
    stream = recorder.start()
    recorder.finish(stream, recorder.feed(stream, GOOD, per_chunk=2))
    recorder.writer.commit()
    async with browsing(recorder, MEDIUM) as screen:
        await screen.shows("╭ created")
        assert "#" not in "".join(rows(screen))
        await screen.press("c")
        await screen.shows("chunks")
        borders = [line[16:27].strip() for line in rows(screen)]
        assert borders == ["┌#0", "┆", "┌#1", "┆", "┌#2–4", "┆", "┌#5", "┆", "┌#6"]
        await screen.press("c")
        await screen.until(lambda: "#" not in "".join(rows(screen)))


async def test_a_stall_is_told_in_the_rows_and_seen_on_the_axis(recorder: Recorder) -> None:
    stream = recorder.start()
    n = recorder.feed(stream, body(*[DELTA] * 20))
    n = recorder.feed(stream, body(*[DELTA] * 20), n, late_ns=3_000_000_000)
    recorder.feed(stream, b": hello\n\n", n, late_ns=5_500_000_000)
    recorder.writer.commit()
    async with browsing(recorder, (MEDIUM[0], 60)) as screen:  # its findings take twenty lines
        await screen.shows("3.0 s pause", "2.5 s pause", "1 ‖ │", "6.480 s")
        bars = axis(screen)
        assert bars.count("┃") == 1
        assert re.search(r"[▁-█]·{30,}[▁-█]+·{25,} 6.480|[▁-█]·{30,}[▁-█]+·{25,}[▁-█] 6.480", bars)
        before = bars.index("┃")
        await screen.press("enter", "end")
        await screen.until(lambda: axis(screen).index("┃") > before)


async def test_no_times_no_axis(recorder: Recorder) -> None:
    stream = recorder.start()
    recorder.feed(stream, body(DELTA), late_ns=-180_000_000)
    recorder.writer.commit()
    async with browsing(recorder, NARROW) as screen:
        await screen.press("enter")
        await screen.shows("output_text.delta")
        assert not screen.timeline.query_one("#axis").display


async def test_the_bytes_of_an_unfinished_frame_are_shown_as_such_until_it_ends(recorder: Recorder) -> None:
    at = GOOD.index(b"event: response.content_part.done")
    stream = recorder.start()
    n = recorder.feed(stream, GOOD[:at])
    recorder.writer.add_tail(stream, GOOD[at : at + 50])
    recorder.writer.commit()
    async with browsing(recorder, MEDIUM) as screen:
        await screen.shows("arriving  50 bytes of the next frame: event: response.content_part.done")
        await screen.press("enter", "end")
        await screen.until(lambda: screen.row == "tail arriving")
        await screen.shows("event: response.content_part.done␊")
        recorder.writer.drop_tail(stream)
        recorder.finish(stream, recorder.feed(stream, GOOD[at:], n))
        recorder.writer.commit()
        await screen.shows("Stream 1 · completed")
        await screen.until(lambda: "arriving" not in screen.text)


async def test_times_since_the_row_before_count_from_the_end_of_a_run(recorder: Recorder) -> None:
    recorder.add(CUT)
    async with browsing(recorder, MEDIUM) as screen:
        await screen.press("t")
        await screen.shows("since the row before")
        assert {line[1:10].strip() for line in rows(screen)} == {"+0.180", "+0.020"}
