"""The list by conversations: turns below what they add up to, calls and their results."""

import json

import pytest
from tests.tui.conftest import GOOD, MEDIUM, NARROW, SEED, WIDE, Recorder, browsing

from responses_tap.stream.conversation import OutputItems, clues_of

CALL = {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "18 °C"}
SAID = {"role": "assistant", "content": "Hello"}


def ask(recorder: Recorder, data: bytes, *asked: object, answer: object) -> int:
    """A stream whose request has this input, and whose response this output."""
    body = json.dumps({"model": "gpt-5.1", "input": list(asked)})
    stream = recorder.start(request_body=body)
    output = OutputItems()
    output.complete({"output": [answer]}, position=11)
    recorder.writer.set_output(stream, output, clues_of((), body).history)
    recorder.finish(stream, recorder.feed(stream, data), input_tokens=10, output_tokens=5)
    recorder.writer.commit()
    return stream


@pytest.fixture
def runs(recorder: Recorder) -> Recorder:
    """Two runs of three turns side by side, the second with faults, and a stream of its own."""
    histories: list[list[object]] = [
        [{"role": "user", "content": f"Weather in {place}?"}] for place in ("Oslo", "Rome")
    ]
    for answer, further in ((CALL, RESULT), (SAID, {"role": "user", "content": "Thanks"}), (SAID, None)):
        for history, data in zip(histories, (GOOD, SEED), strict=True):
            ask(recorder, data, *history, answer=answer)
            history += [answer, further]
    ask(recorder, GOOD, {"role": "user", "content": "Alone"}, answer=SAID)
    return recorder


def row_of(text: str, words: str) -> int:
    return next(n for n, line in enumerate(text.splitlines()) if words in line)


@pytest.mark.parametrize("size", [WIDE, MEDIUM, (80, 24), NARROW], ids=str)
async def test_v_puts_the_turns_of_a_conversation_together(runs: Recorder, size: tuple[int, int]) -> None:
    async with browsing(runs, size) as screen:
        await screen.press("escape", "v", "home")
        await screen.shows("3 conversations", "conversation 1", "3 turns", "30/15", "Weather in O", "get_weather")
        listed = screen.streams.catalogue.lines
        assert [line if isinstance(line, int) else line.ids for line in listed] == [
            (1, 3, 5), 1, 3, 5, (2, 4, 6), 2, 4, 6, 7
        ]  # fmt: skip
        assert row_of(screen.text, "conversation 1") < row_of(screen.text, "Weather in O")
        await screen.press("v")
        await screen.until(lambda: list(screen.streams.catalogue.lines) == [1, 2, 3, 4, 5, 6, 7])


async def test_a_conversation_folds_and_findings_are_still_found(runs: Recorder) -> None:
    async with browsing(runs) as screen:
        await screen.press("v", "home", "enter")
        await screen.until(lambda: [line for line in screen.streams.catalogue.lines if line == 1] == [])
        await screen.press("n")
        await screen.is_at(2)
        await screen.press("escape", "home", "enter")
        await screen.until(lambda: 1 in screen.streams.catalogue.lines)


async def test_rows_have_prompt_turn_tools_and_tokens(runs: Recorder) -> None:
    async with browsing(runs) as screen:
        await screen.press("home")
        await screen.is_at(1)
        line = screen.text.splitlines()[row_of(screen.text, "Weather in Oslo?")]
        assert line.split()[1:4] == ["1", "1", "10:00:00"]
        assert "get_weather" in line
        assert "10/5" in line


async def test_a_call_leads_to_its_result_and_back(runs: Recorder) -> None:
    async with browsing(runs) as screen:
        await screen.press("home")
        await screen.is_at(1)
        await screen.press("tab", "home", *["down"] * 7)
        await screen.shows("calls get_weather, whose result came with stream 3")
        await screen.press("escape", "down", "down")
        await screen.is_at(3)
        await screen.press("3")
        await screen.shows("brings the result of get_weather, called in stream 1")


async def test_filters_find_turns(runs: Recorder) -> None:
    async with browsing(runs) as screen:
        for asked, ids in (("conversation:2", [2, 4, 6]), ("tool:get_weather", [1, 2]), ("rome", [2])):
            await screen.press("slash", *asked, "enter")
            await screen.until(lambda ids=ids: screen.streams.catalogue.shown == ids)
            await screen.press("escape")


@pytest.mark.parametrize("size", [(80, 24), MEDIUM], ids=str)
async def test_without_findings_prompts_and_tools_have_the_room(recorder: Recorder, size: tuple[int, int]) -> None:
    history: list[object] = [{"role": "user", "content": "Which coat for the weather in Oslo?"}]
    for answer, further in ((CALL, RESULT), (SAID, None)):
        stream = ask(recorder, GOOD, *history, answer=answer)
        recorder.writer.set_stream(stream, {"conversation": "0199aaaa-bbbb-cccc-dddd-eeeeffff0000"})
        history += [answer, further]
    recorder.writer.commit()
    async with browsing(recorder, size) as screen:
        await screen.shows("first finding")
        await screen.press("v")
        await screen.shows(
            "· 1 conversation ", "conversation 0199aaaa-bbb… · 10:00:00 · 2 turns · 20/10 tokens · 0.9 s"
        )
        await screen.shows("Which coat for the we", "get_weather ")
        assert "first finding" not in screen.text
        recorder.add(SEED)
        await screen.shows("first finding", "NS201")


async def test_a_filtered_conversation_says_how_many_turns_it_has(runs: Recorder) -> None:
    async with browsing(runs) as screen:
        await screen.press("v", "slash", *"id<4", "enter")
        await screen.shows("conversation 1 · 10:00:00 · 2 of 3 turns")
