"""Text in streams is hostile: it is shown, and neither obeyed nor taken for anything."""

import json

import pytest
from click.testing import CliRunner
from rich.cells import cell_len
from tests.conftest import body
from tests.tui.conftest import MEDIUM, NARROW, WIDE, Recorder, Screen, browsing
from textual.widgets import Input

from responses_tap.escaping import printable
from responses_tap_viewer.cli import main

EVIL = (
    "\x1b[2J\x1b]0;title\x07\x9b31m[bold red]x[/] [@click=app.quit]q[/] \u202eabc\u2066\u200d\ud800 "
    "漢字 e\u0301 👩\u200d👩 ❤\ufe0f 👍\U0001f3fd 🇩🇪 1\ufe0f\u20e3 \u1112\u1161 \r\n\t\x00"
)
KEY = {"item_id": EVIL, "output_index": 0, "content_index": 0}
ITEM = {"id": EVIL, "type": "message", "role": EVIL, "status": EVIL, "name": EVIL, "content": []}
EVENTS = body(
    {"type": "response.created", "sequence_number": 0, "response": {"id": EVIL, "status": EVIL, "model": EVIL}},
    {"type": f"response.{EVIL}".replace("\ud800", ""), "sequence_number": 1, EVIL: EVIL, "[/]": "\\["},
    {"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": ITEM},
    {"type": "response.content_part.added", "sequence_number": 3, **KEY, "part": {"type": EVIL, "text": EVIL}},
    {"type": "response.output_text.delta", "sequence_number": 4, **KEY, "delta": "a" * 1_000_000 + EVIL},
    {"type": "response.output_text.delta", "sequence_number": 5, **KEY, "delta": "漢" * 1000 + "e" + "\u0301" * 1000},
    {"type": "response.output_text.done", "sequence_number": 6, **KEY, "text": EVIL, "logprobs": EVIL},
    {"type": "error", "sequence_number": 7, "code": EVIL, "message": EVIL, "param": EVIL},
)


@pytest.fixture
def evil(recorder: Recorder) -> Recorder:
    """A stream of hostile texts, one that was refused with more of them, and one that is still arriving."""
    request = {"model": EVIL, "input": EVIL, "tools": [{"name": EVIL}]}
    facts = {
        "model": f"漢e\u0301字{EVIL}",
        "url": f"http://h/{EVIL}",
        "host": EVIL,
        "request_headers": json.dumps([[EVIL, EVIL]]),
        "response_headers": json.dumps([["Content-Type", EVIL], [EVIL, EVIL]]),
        "request_body": json.dumps(request, ensure_ascii=False).replace("\ud800", "\\ud800"),
        "response_id": EVIL,
    }
    recorder.add(f": {EVIL}\n\n".encode(errors="replace") + EVENTS + b"data: \xff\xfe\x1b[2J\n\n", **facts)
    refused = recorder.start(status=401, **facts)
    answer = json.dumps({"error": {"message": EVIL, "code": EVIL}}, ensure_ascii=False).encode(errors="replace")
    recorder.finish(refused, 0, state="http-error", end_reason=EVIL, event_count=0, response_body=answer)
    arriving = recorder.start(**facts)
    recorder.feed(arriving, EVENTS)
    recorder.writer.add_tail(arriving, b"data: \x1b[2J[/]" + EVIL.encode(errors="replace"))
    recorder.writer.commit()
    return recorder


def is_safe(screen: Screen) -> None:
    """Whether each character is one that no terminal obeys, and each line as wide as the screen."""
    text = screen.text.replace("\n", "")
    assert printable(text) == text
    strips = screen.app.screen._compositor.render_strips()
    assert {cell_len(strip.text) for strip in strips} == {screen.app.size.width}


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW], ids=["wide", "medium", "narrow"])
async def test_it_is_shown_in_every_place_and_harms_none(evil: Recorder, size: tuple[int, int]) -> None:
    async with browsing(evil, size) as screen:
        for stream in (3, 2, 1):
            await screen.is_at(stream)
            for tab in "1234567":
                await screen.press(tab)
                await screen.shows(f"▐{tab} ")
                await screen.pilot.pause()
                is_safe(screen)
            await screen.press("escape", "escape", "up")
        await screen.press("home", "enter", "d", "c", "t")
        for _ in range(18):
            await screen.press("down")
            is_safe(screen)
        await screen.press("escape", "b")
        await screen.until(lambda: screen.streams.catalogue.groups > 1)
        is_safe(screen)
        await screen.press("slash", "[", "/", "]")
        await screen.until(lambda: isinstance(screen.app.focused, Input))
        is_safe(screen)


async def test_what_cannot_be_typed_is_not_proposed(recorder: Recorder) -> None:
    recorder.add(EVENTS, model="evil\x1b[2J\u202em")
    async with browsing(recorder) as screen:
        await screen.press("slash", *"model", "colon", "e")
        await screen.until(lambda: isinstance(screen.app.focused, Input) and screen.app.focused.value == "model:e")
        await screen.pilot.pause()
        is_safe(screen)
        await screen.press("right")
        await screen.pilot.pause()
        assert isinstance(screen.app.focused, Input)
        assert screen.app.focused.value == "model:e"


async def test_it_is_shown_escaped_and_columns_stay_where_they_are(evil: Recorder) -> None:
    async with browsing(evil) as screen:
        await screen.shows("漢e\u0301字\\x1b[2…", "\\x1b[2J\\x1b]0;title")
        lines = screen.text.split("\n")
        verdict = lines[2].index("verdict")
        for line in lines[3:6]:
            cells = 0
            at = next(i for i, c in enumerate(line) if (cells := cells + cell_len(c)) > verdict)
            assert line[at] in "✖…¦", line
        await screen.press("enter", "end")
        await screen.until(lambda: screen.row == "tail arriving")
        await screen.shows("bytes of the next frame: data: \\x1b[2J[/]")


@pytest.mark.parametrize("command", ["list", "show", "show --full", "check", "diff"])
def test_the_commands_print_it_escaped(evil: Recorder, command: str) -> None:
    db = str(evil.writer.path)
    name, *options = command.split()
    targets = {"show": [f"{db}#1"], "diff": [f"{db}#1", f"{db}#3"]}.get(name, [db])
    result = CliRunner().invoke(main, [name, *options, *targets], color=True)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert len(result.output) > 100
    for sequence in ("\x1b[2J", "\x1b]", "\x9b", "\x07", "\u202e", "\u2066", "\u200d", "\ufe0f", "\r", "\x00"):
        assert sequence not in result.output
