"""Recordings that grow, change, vanish, or are none."""

import sqlite3
from pathlib import Path

import pytest
from tests.conftest import body
from tests.tui.conftest import GOOD, MEDIUM, NARROW, SEED, Recorder, browsing, opened

from responses_tap import RULES_VERSION


async def test_new_streams_appear_and_the_cursor_stays(recorder: Recorder) -> None:
    for _ in range(20):
        recorder.add(GOOD)
    async with browsing(recorder, NARROW) as screen:
        await screen.press("up", "up")
        await screen.is_at(18)
        before = screen.lines("streams").scroll_offset
        recorder.add(SEED)
        recorder.add(GOOD)
        await screen.shows("22 streams", "▼ 2 new")
        assert (screen.selected, screen.lines("streams").scroll_offset) == (18, before)
        await screen.press("end")
        await screen.is_at(22)
        await screen.until(lambda: "new" not in screen.text)


async def test_the_last_line_is_followed_while_the_list_has_the_focus(four: Recorder) -> None:
    async with browsing(four) as screen:
        four.add(GOOD)
        await screen.is_at(5)
        await screen.press("enter")
        four.add(GOOD)
        await screen.shows("6 streams")
        assert screen.selected == 5


async def test_a_recorder_that_goes_on_in_another_file_is_followed(four: Recorder) -> None:
    first = four.writer.path
    async with browsing(four) as screen:
        four.add(GOOD)
        await screen.shows("5 streams")
        for number in (2, 3):
            four.begin_next(first.with_stem(f"{first.stem}-{number}"))
        stream = four.add(SEED)
        await screen.shows(f"{first.stem}-3.db  1 stream", f"The recorder continues in {first.stem}-3.db")
        await screen.is_at(stream)
        four.begin_next(first.with_stem(f"{first.stem}-4"))
        await screen.press("t")
        await screen.shows("since the row before", f"{first.stem}-3.db  1 stream")  # there is nothing to see in 4
        stream = four.add(GOOD)
        await screen.shows(f"{first.stem}-4.db  1 stream")
        await screen.press("x")
        await screen.shows(f"Export stream {stream}", "bytes")
    async with opened(first) as screen:
        await screen.shows(f"{first.name}  5 streams", f"This recording continues in {first.stem}-2.db")


async def test_an_open_stream_grows_under_a_cursor_that_stays(recorder: Recorder) -> None:
    middle = GOOD.index(b"event: response.output_text.done")
    stream = recorder.start()
    n = recorder.feed(stream, GOOD[:middle])
    recorder.writer.commit()
    async with browsing(recorder) as screen:
        await screen.shows("open", "× 5")
        await screen.press("enter", "down")
        n = recorder.feed(stream, GOOD[middle:], n)
        recorder.writer.commit()
        await screen.shows("╰ completed", "0.180    0.420     13 ")
        assert screen.row == "event response.in_progress"
        recorder.finish(stream, n)
        recorder.writer.commit()
        await screen.shows("Stream 1 · completed", "●")
        assert screen.row == "event response.in_progress"


async def test_events_that_come_out_of_sight_are_counted(recorder: Recorder) -> None:
    stream = recorder.start()
    delta = {"type": "response.output_text.delta", "delta": "a"}
    comment = b": keep-alive\n\n"
    n = recorder.feed(stream, (body(delta) + comment) * 20)
    recorder.writer.commit()
    async with browsing(recorder, NARROW) as screen:
        await screen.press("enter")
        recorder.feed(stream, (body(delta) + comment) * 3, n)
        recorder.writer.commit()
        await screen.shows("▼ 6 new")
        await screen.press("end")
        await screen.until(lambda: "new" not in screen.text)
        last = screen.timeline.lines.cursor
        recorder.feed(stream, comment, n + 6)
        recorder.writer.commit()
        await screen.until(lambda: screen.timeline.lines.cursor == last + 1)


@pytest.mark.parametrize("moment", [0, 1], ids=["page by page", "in one go"])
async def test_a_finding_that_comes_late_moves_no_cursor(
    recorder: Recorder, moment: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("responses_tap_viewer.tui.timeline.follower._MOMENT", moment)
    stream = recorder.start()
    n = recorder.feed(stream, SEED[: SEED.index(b"event: response.output_item.done")])
    found = recorder.checkers[stream].findings
    recorder.writer.set_findings(stream, [], rules=RULES_VERSION, profile="openai")
    recorder.writer.commit()
    async with opened(recorder.writer.path) as screen:
        await screen.is_at(stream)
        await screen.press("enter", *["down"] * 4)
        row = screen.row
        recorder.writer.set_findings(stream, found, rules=RULES_VERSION, profile="openai")
        recorder.writer.commit()
        await screen.shows("MD301", "NS201")
        assert (row, n) == (screen.row, 11)


async def test_a_changed_verdict_and_a_removed_stream_are_seen(four: Recorder) -> None:
    async with browsing(four) as screen:
        four.writer.set_findings(2, [], rules=RULES_VERSION, profile="openai")
        four.writer.commit()
        await screen.shows("2 with errors")
        four.writer.discard_stream(4)
        four.writer.commit()
        await screen.shows("3 streams")
        await screen.is_at(3)


async def test_an_empty_recording_shows_how_to_make_one(recorder: Recorder) -> None:
    async with opened(recorder.writer.path) as screen:
        await screen.shows("has no streams yet", "responses-tap demo", "-- python my_client.py", "--db")
        recorder.add(GOOD)
        await screen.is_at(1)
        await screen.shows("1 stream", "gpt-5.1")
        assert screen.focus == "streams"


async def test_a_recheck_is_seen_out_of_sight_and_beside_a_stream_that_nobody_ended(recorder: Recorder) -> None:
    recorder.start()  # its recorder has died with the machine
    faulty = recorder.add(SEED)
    for _ in range(30):
        recorder.add(GOOD)
    async with browsing(recorder, NARROW) as screen:
        await screen.shows("1 with errors")
        await screen.until(lambda: screen.streams.catalogue.before_unread() is None)
        await screen.until(lambda: screen.streams.catalogue.index_of(faulty) not in screen.streams.lines.visible_range)
        recorder.writer.set_findings(faulty, [], rules="2099-01", profile="openai")
        recorder.writer.commit()
        await screen.until(lambda: "with errors" not in screen.text)


async def test_who_has_no_streams_is_offered_the_demo_and_who_has_some_is_not(recorder: Recorder) -> None:
    async with opened(recorder.writer.path) as screen:
        await screen.shows("responses-tap demo   (here: D)")
        recorder.add(GOOD)
        await screen.is_at(1)
        await screen.press("D")
        assert screen.app.is_running
        recorder.writer.discard_stream(1)
        recorder.writer.commit()
        await screen.shows("responses-tap demo   (here: D)")
        await screen.press("D")
        await screen.until(lambda: screen.app.return_value == "demo")


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (None, "does not exist"),
        (b"", "is not a responses-tap recording (empty)"),
        (b"event: x\n\n" * 200, "is not a responses-tap recording"),
    ],
    ids=["missing", "empty", "foreign"],
)
async def test_what_is_no_recording_is_told(tmp_path: Path, content: bytes | None, trouble: str) -> None:
    path = tmp_path / "tap.db"
    if content is not None:
        path.write_bytes(content)
    async with opened(path) as screen:
        await screen.shows(trouble, "responses-tap demo")
        await screen.press("n", "x", "d", "t", "tab", "enter", "2", "escape")
        path.unlink(missing_ok=True)
        recorder = Recorder(path)
        recorder.add(GOOD)
        await screen.is_at(1)
        recorder.writer.close()


async def test_a_recording_that_is_locked_is_told_and_shown_when_it_is_free(four: Recorder, tmp_path: Path) -> None:
    four.writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = tmp_path / "copy.db"
    path.write_bytes(four.writer.path.read_bytes())
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    async with opened(path) as screen:
        await screen.shows("copy.db")
        await screen.shows("copy.db cannot be read now (database is locked)")
        other.close()
        await screen.is_at(2)


async def test_a_recording_of_a_newer_version_is_told(four: Recorder) -> None:
    four.writer._db.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('responses-tap', 'm999_new', '')"
    )
    four.writer.commit()
    async with opened(four.writer.path) as screen:
        await screen.shows("was written by a newer responses-tap (schema m999_new)")


async def test_a_damaged_recording_is_told(recorder: Recorder, tmp_path: Path) -> None:
    for _ in range(30):
        recorder.add(GOOD)
    recorder.writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = recorder.writer.path.read_bytes()
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    async with opened(damaged, MEDIUM) as screen:
        await screen.shows("✖", "damaged.db")
        await screen.press("down", "n", "d")


async def test_a_recording_that_vanishes_is_told_and_comes_back(four: Recorder, tmp_path: Path) -> None:
    async with browsing(four) as screen:
        for suffix in ("", "-wal", "-shm"):
            (tmp_path / f"tap.db{suffix}").rename(tmp_path / f"away.db{suffix}")
        await screen.shows("was deleted or moved")
        await screen.press("home")
        await screen.is_at(1)
        other = Recorder(tmp_path / "other.db")
        other.add(SEED, model="another")
        other.writer.close()
        (tmp_path / "other.db").rename(four.writer.path)
        await screen.shows("1 stream ", "another", "NS201")
        assert "was deleted or moved" not in screen.text


async def test_ten_thousand_streams_are_read_page_by_page(recorder: Recorder) -> None:
    for _ in range(1200):
        recorder.start(state="completed")
    recorder.writer.commit()
    async with browsing(recorder) as screen:
        await screen.until(lambda: screen.streams.catalogue.before_unread() is None)
        assert screen.streams.catalogue.totals().streams == 1200
        await screen.press("home")
        await screen.is_at(1)
