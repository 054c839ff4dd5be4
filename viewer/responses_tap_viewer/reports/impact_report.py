"""What each client made of a stream, as text, JSON and Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from responses_tap.errors import UnusableInput
from responses_tap.escaping import code_span, dumps, shorten
from responses_tap_viewer.clients.impact_matrix import ImpactMatrix, StreamImpact
from responses_tap_viewer.clients.stated import Stated
from responses_tap_viewer.clients.verdict import ClientVerdict, Fate

VERSION = 1
_LONGEST = 160


def impact_lines(matrix: ImpactMatrix) -> Iterator[str]:
    """A line for each client of each stream."""
    for stream in matrix.streams:
        yield shorten(stream.name, _LONGEST)
        yield f"  it says {_says(stream.says)}"
        width = max(map(len, stream.verdicts), default=0)
        for name, each in stream.verdicts.items():
            words = shorten(fate_words(each), 2 * _LONGEST)
            yield f"  {'✓' if name not in stream.harmed else '✗'} {name:<{width}} {each.answer.version:<8} {words}"
        yield from (f"  - {name}: {why}" for name, why in stream.not_run.items())
    yield from (f"- {name}: {why}" for name, why in matrix.unavailable.items())


def impact_json(matrix: ImpactMatrix, errors: Sequence[UnusableInput]) -> str:
    """The same, stable and versioned."""
    return dumps(
        {
            "version": VERSION,
            "streams": [_stream_object(stream) for stream in matrix.streams],
            "not_run": [{"client": name, "reason": why} for name, why in matrix.unavailable.items()],
            "errors": [{"source": error.source, "message": error.message} for error in errors],
        }
    )


def impact_markdown(matrix: ImpactMatrix) -> Iterator[str]:
    """A table for each stream, under its name."""
    for stream in matrix.streams:
        yield f"## {code_span(stream.name)}"
        yield ""
        yield from impact_table(stream, matrix.unavailable)


def impact_table(stream: StreamImpact, unavailable: Mapping[str, str]) -> Iterator[str]:
    """The lines of a table with each client's fate."""
    yield "| client | version | outcome | what happens |"
    yield "|---|---|---|---|"
    for name, each in stream.verdicts.items():
        words = code_span(shorten(fate_words(each), _LONGEST)).replace("|", "\\|")
        yield f"| {name} | {code_span(each.answer.version)} | {each.fate} | {words} |"
    yield ""
    for name, why in {**stream.not_run, **unavailable}.items():
        yield f"- {name}: {code_span(shorten(why, _LONGEST))}"
    yield ""


def fate_words(each: ClientVerdict) -> str:
    """What became of a stream, in a line."""
    if each.fate in (Fate.RAISED, Fate.HUNG):
        return f"{each.fate}: {each.answer.error or 'without a message'}"
    if each.fate is Fate.DELIVERED:
        return f"{each.fate}: {', '.join(_name(part) for part in each.parts) or 'there was nothing to deliver'}"
    harmed = [f"{_name(part)} {fate}" for part, fate in each.parts.items() if fate is not Fate.DELIVERED]
    return ", ".join(harmed)


def _name(part: str) -> str:
    return part.replace("_", " ")


def _says(says: Stated) -> str:
    words = [f"{len(text)} characters of text" for text in says.texts[:1] if text]
    words += [f"{len(text)} characters of reasoning" for text in says.reasoning[:1]]
    words += [f"a call of {call.name}" for call in says.calls]
    words += [f"usage {says.usage[0]} + {says.usage[1]}"] if says.usage else []
    words += [f"the error {says.failure}"] if says.failure else []
    return shorten(", ".join(words) or "nothing", 2 * _LONGEST)


def _stream_object(stream: StreamImpact) -> dict[str, Any]:
    says = stream.says
    calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in says.calls]
    usage = says.usage and {"input_tokens": says.usage[0], "output_tokens": says.usage[1]}
    return {
        "source": stream.name,
        "says": {
            "text": next(iter(says.texts), ""),
            "reasoning": next(iter(says.reasoning), ""),
            "tool_calls": calls,
            "usage": usage,
            "failure": says.failure,
        },
        "clients": [
            each.answer.model_dump() | {"client": name, "verdict": str(each.fate), "parts": each.parts}
            for name, each in stream.verdicts.items()
        ],
        "not_run": [{"client": name, "reason": why} for name, why in stream.not_run.items()],
    }
