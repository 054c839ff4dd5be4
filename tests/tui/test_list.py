"""The list of streams: sorted, put into groups, and never jumping."""

from dataclasses import replace

import pytest
from tests.conftest import RECORDINGS
from tests.tui.conftest import CUT, GOOD, MEDIUM, NARROW, SEED, WIDE, Recorder, Screen, browsing, opened

from responses_tap import RULES_VERSION
from responses_tap.protocol.findings import Severity
from responses_tap.stream.timeline import CUT as CUT_GLYPH
from responses_tap_viewer.tui.spans import Line
from responses_tap_viewer.tui.streams.stream_columns import verdict


def listed(screen: Screen) -> list[object]:
    return [getattr(line, "ids", line) for line in screen.streams.catalogue.lines]


async def sorted_by(screen: Screen, column: str) -> None:
    seen: list[str] = []
    while (at := screen.streams.catalogue.order.column) != column:
        assert at not in seen, f"no column of {seen} at this width"
        seen.append(at)
        before = screen.streams.catalogue.order
        await screen.press("s")
        await screen.until(lambda before=before: screen.streams.catalogue.order != before)


async def test_s_sorts_by_each_column_and_the_cursor_stays_on_its_stream(four: Recorder) -> None:
    four.writer.set_stream(1, {"input_tokens": 9, "output_tokens": 12_345})
    four.writer.commit()
    async with browsing(four) as screen:
        await screen.shows("9/12k")
        for column, ids in (
            ("model", [1, 3, 4, 2]),
            ("http", [3, 1, 2, 4]),
            ("TTFB s", [1, 2, 4, 3]),
            ("duration", [1, 2, 4, 3]),
            ("tokens", [1, 2, 3, 4]),
            ("verdict", [2, 3, 4, 1]),
            ("first finding", [4, 2, 3, 1]),
        ):
            await sorted_by(screen, column)
            assert (column, listed(screen)) == (column, ids)
            assert screen.selected == 4
            assert screen.streams.lines.cursor == ids.index(4)
        await screen.shows("first finding▴")
        await screen.press("S")
        await screen.until(lambda: listed(screen) == [3, 2, 4, 1])
        await screen.shows("first finding▾")


async def test_a_click_on_a_columns_name_sorts_by_it_and_another_turns_it_round(four: Recorder) -> None:
    async with browsing(four) as screen:
        head = next(line for line in screen.text.split("\n") if "verdict" in line)
        for ids in ([2, 3, 4, 1], [1, 3, 4, 2]):
            await screen.pilot.click("#streams-head", offset=(head.index("verdict") + 2, 0))
            await screen.until(lambda ids=ids: listed(screen) == ids)
        await screen.pilot.click("#streams-head", offset=(head.index("activity") + 2, 0))
        await screen.pilot.pause()
        assert screen.streams.catalogue.order.column == "verdict"


async def test_new_streams_take_their_place_and_are_counted_above_and_below(recorder: Recorder) -> None:
    for n in range(40):
        recorder.add(GOOD, model=f"m{n % 2}")
    async with browsing(recorder, MEDIUM) as screen:
        await screen.press("home")
        await screen.is_at(1)
        await sorted_by(screen, "model")
        await screen.press("S")
        await screen.is_at(1)
        before = screen.lines("streams").scroll_offset
        top = screen.text.split("\n")[3]
        recorder.add(GOOD, model="n")
        recorder.add(GOOD, model="a")
        recorder.add(SEED, model="a")
        await screen.shows("▲ 1 new", "▼ 2 new")
        assert screen.selected == 1
        assert screen.text.split("\n")[3] == top
        assert screen.lines("streams").scroll_offset.y == before.y + 1
        await screen.press("home")
        await screen.until(lambda: "▲" not in screen.text)
        await screen.press("end")
        await screen.until(lambda: "▼" not in screen.text)


@pytest.mark.parametrize(("name", "size"), [("wide", WIDE), ("medium", MEDIUM), ("narrow", NARROW)])
async def test_the_rare_shape_stands_out(recorder: Recorder, name: str, size: tuple[int, int]) -> None:
    for n in range(24):
        recorder.add(SEED if n == 11 else GOOD, started_at=f"2026-11-02T10:00:{n:02}.000000+00:00")
    recorder.start(started_at="2026-11-02T10:00:30.000000+00:00")
    recorder.writer.commit()
    async with browsing(recorder, size) as screen:
        await screen.press("b")
        await screen.until(lambda: screen.streams.catalogue.groups == 3)
        await screen.press("home")
        await screen.is_at(12)
        await screen.is_golden(f"{name}-shapes")


async def test_groups_are_told_apart_where_the_list_does_not_scroll(recorder: Recorder) -> None:
    for body in (GOOD, SEED, GOOD):
        recorder.add(body)
    async with browsing(recorder) as screen:
        await screen.until(lambda: screen.streams.lines.visible_range == range(3))
        await screen.press("b")
        await screen.shows("most common: created", "− output_text.done")


async def test_groups_unfold_and_a_new_stream_joins_its_own(recorder: Recorder) -> None:
    for n in range(6):
        recorder.add(SEED if n == 2 else GOOD)
    async with browsing(recorder) as screen:
        await screen.press("b")
        await screen.until(lambda: listed(screen) == [(3,), (1, 2, 4, 5, 6)])
        assert screen.streams.lines.cursor == 1
        await screen.press("enter")
        await screen.until(lambda: listed(screen) == [(3,), (1, 2, 4, 5, 6), 1, 2, 4, 5, 6])
        assert screen.focus == "streams"
        await screen.press("down", "down")
        await screen.is_at(2)
        recorder.add(SEED)
        await screen.until(lambda: listed(screen)[0] == (3, 7))
        assert (screen.selected, screen.streams.lines.cursor) == (2, 3)
        await screen.press("enter")
        await screen.until(lambda: screen.focus == "timeline")
        await screen.press("escape", "up", "up", "enter")
        await screen.until(lambda: listed(screen) == [(3, 7), (1, 2, 4, 5, 6)])
        await screen.press("b")
        await screen.until(lambda: listed(screen) == [1, 2, 3, 4, 5, 6, 7])
        assert screen.selected == 6


async def test_a_group_tells_how_many_of_its_streams_fail_and_shows_one_of_them(recorder: Recorder) -> None:
    faults = sorted((RECORDINGS / "broken").glob("AG60[123]-*.sse"))
    for data in (GOOD, *(fault.read_bytes() for fault in faults), GOOD):
        recorder.add(data)
    async with browsing(recorder) as screen:
        await screen.press("b")
        await screen.until(lambda: listed(screen) == [(1, 2, 3, 4, 5)])
        await screen.shows("5 × 100.0%", f"✖ {len(faults)} with findings: ✖ AG601", "and 1 more")
        await screen.is_at(5)
        await screen.press("n")
        await screen.is_at(4)
        await screen.until(lambda: screen.row.startswith("finding AG603"))


async def test_n_walks_one_stream_of_each_group(recorder: Recorder) -> None:
    for data in (GOOD, SEED, GOOD, SEED, GOOD):
        recorder.add(data)
    async with browsing(recorder) as screen:
        await screen.press("b")
        await screen.until(lambda: listed(screen) == [(2, 4), (1, 3, 5)])
        await screen.press("N")
        await screen.until(lambda: screen.row == "finding MD301")
        assert screen.selected == 4


async def test_filter_order_and_groups_go_together(four: Recorder) -> None:
    async with browsing(four) as screen:
        await sorted_by(screen, "verdict")
        await screen.press("slash", *"errors>0", "enter")
        await screen.until(lambda: listed(screen) == [2, 3, 4])
        await screen.press("b")
        await screen.until(lambda: len(listed(screen)) == 3 and screen.streams.catalogue.groups == 3)
        await screen.shows("errors>0 · 3 of 4 · 3 shapes")
        await screen.press("escape")
        await screen.until(lambda: screen.streams.catalogue.groups == 4)


class Hundred:
    def __len__(self) -> int:
        return 100

    def line(self, index: int, width: int) -> Line:
        return [(f"line {index}", "plain")]


async def test_a_list_that_changes_while_it_is_opened_keeps_its_cursor_in_sight(four: Recorder) -> None:
    async with browsing(four, NARROW) as screen:
        lines = screen.streams.lines
        lines.open(Hundred(), 80)
        lines.renew(Hundred(), 85)  # before anything has been drawn
        assert lines.cursor == 85
        assert lines.cursor in lines.visible_range


async def test_a_list_that_has_shrunk_and_is_not_drawn_yet_is_read_as_it_is_shown(recorder: Recorder) -> None:
    for _ in range(40):
        recorder.add(GOOD)
    async with browsing(recorder, NARROW) as screen:
        screen.streams.catalogue.set_ids([1, 2])
        await screen.streams.read_visible(screen.browser._watched)
        assert screen.selected == 40


async def test_what_went_wrong_stands_in_the_list_and_no_row_contradicts_its_findings(four: Recorder) -> None:
    failed = four.add((RECORDINGS / "clean" / "failed.sse").read_bytes())
    hung_up = four.start()
    four.feed(hung_up, CUT)
    four.writer.set_findings(hung_up, [], rules=RULES_VERSION, profile="openai")
    four.writer.set_stream(hung_up, {"state": "truncated", "ended_by": "client", "event_count": 11, "end_ns": 1})
    whole = four.start()
    four.writer.set_stream(whole, {"state": "completed", "event_count": 0, "end_ns": 1, "response_body": b'{"id": 1}'})
    four.writer.commit()
    async with browsing(four) as screen:
        await screen.shows("✖ TR907 http-status", "●       server_error The se")
        summaries = [screen.streams.catalogue.get(id_) for id_ in (failed, hung_up, whole)]
        assert [verdict(summary) for summary in summaries] == [("●", "ok"), (CUT_GLYPH, "plain"), ("●", "ok")]
        await screen.shows("●       not streamed", 'not streamed  9 bytes: {"id": 1}', '"id": 1')


async def test_a_full_list_beside_other_panes_shows_its_last_line_and_its_filter(recorder: Recorder) -> None:
    for _ in range(16):
        recorder.add(GOOD)
    async with browsing(recorder, MEDIUM) as screen:
        await screen.shows("▌   16 ")
        await screen.press("slash", *"status>0x")
        await screen.shows("▌   16 ", " status>0x", "expected a number for status")
        await screen.press("escape", "home", "e", *"why")
        await screen.shows(" why", "Enter save")
        await screen.press("escape")
        recorder.add(GOOD)
        await screen.shows("▼ 1 new")
        first_hidden = screen.streams.lines.visible_range.stop
        await screen.press(*["down"] * first_hidden)
        await screen.shows(f"▌{first_hidden + 1:>5} ")


async def test_the_first_finding_has_its_own_severity_not_its_rules(recorder: Recorder) -> None:
    stream = recorder.add((RECORDINGS / "broken" / "TR911-unterminated-event.sse").read_bytes())
    (found,) = recorder.checkers[stream].findings
    note = replace(found, severity=Severity.NOTE)  # as in a file, whose end an editor may have trimmed
    recorder.writer.set_findings(stream, [note], rules=RULES_VERSION, profile="openai")
    recorder.writer.commit()
    async with opened(recorder.writer.path) as screen:
        await screen.shows("●       · TR911 untermin")
        await screen.press("b")
        await screen.shows("· TR911 unterminated-event")


async def test_groups_leave_the_user_on_the_stream_and_the_event(recorder: Recorder) -> None:
    for data in (GOOD, SEED, GOOD, SEED, GOOD):
        recorder.add(data)
    async with opened(recorder.writer.path) as screen:
        await screen.is_at(2)
        await screen.until(lambda: screen.row == "finding NS201")
        await screen.press("down")
        await screen.press("escape")
        for key in ("b", "b", "b", "enter", "b"):  # enter unfolds the group
            await screen.press(key)
            await screen.pilot.pause(0.2)
            assert (screen.selected, screen.row) == (2, "finding NS205")
            await screen.is_at(2)


async def test_a_group_that_one_comes_to_shows_its_example(recorder: Recorder) -> None:
    for data in (GOOD, SEED, GOOD, SEED, GOOD):
        recorder.add(data)
    async with opened(recorder.writer.path) as screen:
        await screen.is_at(2)
        await screen.until(lambda: screen.focus == "timeline")
        await screen.press("escape", "b", "down")
        await screen.is_at(5)
        await screen.press("up")
        await screen.is_at(4)
