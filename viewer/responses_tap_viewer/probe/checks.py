"""The checks that scenarios name: each looks at answers, and says in a sentence what is missing."""

import inspect
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from responses_tap.protocol.findings import counted
from responses_tap.protocol.grammar import ITEM
from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.values import at


class Observed(NamedTuple):
    """What a check looks at."""

    answer: Answer
    """The one that the expectation names."""
    all: Mapping[str, Sequence[Answer]]
    """Those of all steps, by their names."""
    known: Mapping[str, object]
    """What the steps' requests could refer to: `NAME.PATH`."""


class Unsupported(str):
    """Says that the server leaves the feature out, which it may."""

    __slots__ = ()


class Begun(str):
    """Says that the server began something and didn't finish it: it owes that, whoever's choice the beginning was."""

    __slots__ = ()


type Check = Callable[..., str | None]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Register a check by its name."""
    CHECKS[function.__name__] = function
    return function


def _too_few(count: int, least: int, what: str) -> str:
    return f"no {what} came" if not count else f"{counted(count, what)} came; at least {least} must"


def _lacking(seen: Observed, count: int, least: int, what: str, begun: int) -> str:
    """That too few came; that they were begun where the response was completed, not cut."""
    sentence = _too_few(count, least, what)
    is_owed = begun > count and seen.answer.terminal == "response.completed"
    return Begun(f"{sentence}, though it was begun") if is_owed else sentence


def fits(name: str, arguments: Mapping[str, Any]) -> str | None:
    """Why a check can't be called so, None where it can."""
    if name not in CHECKS:
        return f"there is no check {name!r}"
    try:
        inspect.signature(CHECKS[name]).bind(None, **arguments)
    except TypeError as error:
        return str(error)
    return None


@check
def ends(seen: Observed) -> str | None:
    """The response reaches a terminal state: completed, incomplete or failed."""
    kind = "event" if seen.answer.is_stream else "status"
    return None if seen.answer.terminal else f"the response has no terminal {kind}"


@check
def has_deltas(seen: Observed) -> str | None:
    """The text of a message comes in deltas; that these add up to it is for the checker to say (AG601)."""
    answer = seen.answer
    has_message = any(item.get("type") == "message" for item in answer.items)
    if not has_message or answer.deltas:
        return None  # a model may answer in a reasoning item alone
    return "it has a message without a single output_text.delta"


@check
def streams(seen: Observed, tokens: int, seconds: float) -> str | None:
    """A long answer comes in several deltas, and begins before half of its time has passed."""
    answer = seen.answer
    used = at(answer.response, "usage.output_tokens")
    if isinstance(used, int) and used > tokens and len(answer.deltas) == 1:
        return f"{used} tokens came in one delta"
    if answer.took_s > seconds and answer.first_s > answer.took_s / 2:
        first, took = (f"{seconds_:.1f}" for seconds_ in (answer.first_s, answer.took_s))
        if first == took:
            return f"no event until the end, after {took} s"
        return f"no event in the first {first} of {took} s"
    return None


@check
def no_replacement(seen: Observed) -> str | None:
    """No delta has a replacement character that the final text has not."""
    broken = [delta for delta in seen.answer.deltas if "\ufffd" in delta]
    return "a delta has U+FFFD, which the text has not" if broken and "\ufffd" not in seen.answer.text else None


@check
def echo(seen: Observed, path: str, value: object = None, like: str = "") -> str | None:
    """The response states a member as it was asked; one that is absent or null is left out, which it may be."""
    wanted = seen.known[like.split(".", maxsplit=1)[0]] if like else value
    wanted = at(wanted, like.partition(".")[2]) if "." in like else wanted
    have = at(seen.answer.response, path)
    if have is None:
        return Unsupported(f"the response has no `{path}`")
    return None if have == wanted else f"`{path}` is {json.dumps(have)}; the request said {json.dumps(wanted)}"


@check
def event(seen: Observed, type: str, least: int = 1) -> str | None:  # noqa: A002 (its name in JSON)
    """So many events of a type."""
    count = sum(event.get("type") == type for event in seen.answer.events)
    if count >= least:
        return None
    delta = f"{type.removesuffix('.done')}.delta"
    begun = sum(event.get("type") == delta for event in seen.answer.events)
    return _lacking(seen, count, least, f"{type} event", begun)


@check
def logprobs(seen: Observed) -> str | None:
    """Log probabilities that stand in deltas stand in the finished text, too."""
    stated = {event.get("type"): bool(event.get("logprobs")) for event in seen.answer.events if "logprobs" in event}
    if not any(e.get("logprobs") for e in seen.answer.events if e.get("type") == "response.output_text.delta"):
        return Unsupported("no delta has log probabilities")
    if stated.get("response.output_text.done"):
        return None
    return "its deltas have log probabilities, its output_text.done has none"


@check
def absent(seen: Observed, member: str) -> str | None:
    """No event has a member."""
    found = [event.get("type") for event in seen.answer.events if member in event]
    return f"{len(found)} events have `{member}`, the first is {found[0]}" if found else None


@check
def usage(seen: Observed) -> str | None:
    """The token counts are integers and add up; rule ST710 looks at their details."""
    counts = seen.answer.response.get("usage")
    names = ("input_tokens", "output_tokens", "total_tokens")
    if not isinstance(counts, dict) or not all(type(counts.get(name)) is int for name in names):
        return "`usage` lacks an integer of input_tokens, output_tokens, total_tokens"
    if counts["input_tokens"] + counts["output_tokens"] != counts["total_tokens"]:
        return "input_tokens and output_tokens don't add up to total_tokens"
    return None


@check
def limited(seen: Observed, tokens: int, valid: bool = True) -> str | None:
    """The output keeps to a limit, and one that was cut there says so; a limit that isn't `valid` may be ignored."""
    answer = seen.answer
    used = at(answer.response, "usage.output_tokens")
    kind = str if valid else Unsupported
    if len(answer.deltas) > 2 * tokens:
        return kind(f"the limit of {tokens} tokens has no effect: {len(answer.deltas)} deltas came")
    if not isinstance(used, int) or used < tokens:
        return None  # shorter by itself
    if used > tokens:
        return kind(f"{used} tokens came, at most {tokens} were asked for")
    status, reason = answer.response.get("status"), at(answer.response, "incomplete_details.reason")
    if (status, reason) != ("incomplete", "max_output_tokens"):
        why = f" ({reason})" if reason else ""
        return f"it stopped at the limit of {tokens} tokens, and says {status}{why}"
    return None


@check
def json_text(seen: Observed, required: Sequence[str] = (), echoed: str = "") -> str | None:
    """A completed text is JSON with these members, where the response says that this format was asked for."""
    answer = seen.answer
    if at(answer.response, "text.format.type") != echoed:
        return Unsupported("the response doesn't state the format that was asked for")
    if answer.response.get("status") != "completed":
        return None  # whatever a limit cut needn't be JSON
    try:
        document = json.loads(answer.text)
    except ValueError:
        return "the text isn't JSON"
    lacking = [name for name in required if not isinstance(document, dict) or name not in document]
    return f"the JSON lacks {', '.join(lacking)}" if lacking else None


@check
def in_grammar(seen: Observed, pattern: str) -> str | None:
    """The input of a call matches, where the response states the grammar that was asked for."""
    if at(seen.answer.response, "tools.0.format.type") != "grammar":
        return Unsupported("the response doesn't state the grammar that was asked for")
    inputs = [str(item.get("input")) for item in seen.answer.items if item.get("type") == "custom_tool_call"]
    other = next((text for text in inputs if not re.fullmatch(pattern, text)), None)
    return None if other is None else f"the grammar has no effect: the input is {json.dumps(other)}"


@check
def items(
    seen: Observed,
    type: str,  # noqa: A002 (its name in JSON)
    least: int = 0,
    most: int | None = None,
    names: Sequence[str] = (),
) -> str | None:
    """So many items of a type, with one of these names where they have names."""
    found = [item for item in seen.answer.items if item.get("type") == type]
    if len(found) < least:
        added = [event.get("item") for event in seen.answer.events if event.get("type") == ITEM.opener]
        begun = sum(isinstance(item, dict) and item.get("type") == type for item in added)
        return _lacking(seen, len(found), least, f"finished {type} item" if begun else f"{type} item", begun)
    if most is not None and len(found) > most:
        return f"{len(found)} {type} items came; at most {most} may"
    other = [item.get("name") for item in found if names and item.get("name") not in names]
    return f"it calls {other[0]}" if other else None


@check
def arguments(seen: Observed) -> str | None:
    """The arguments of each call are a JSON object."""
    for item in seen.answer.items:
        if item.get("type") == "function_call":
            try:
                value = json.loads(str(item.get("arguments")))
            except ValueError:
                return f"the arguments of {item.get('name')} aren't JSON"
            if not isinstance(value, dict):
                return f"the arguments of {item.get('name')} aren't an object"
    return None


@check
def apart(seen: Observed, path: str, of_all: bool = False) -> str | None:
    """The values at a path in the items, or in the responses of all answers, are all different."""
    if of_all:
        answers = [answer for several in seen.all.values() for answer in several]
        values = [at(answer.response, path) for answer in answers]
    else:
        values = [at(item, path) for item in seen.answer.items if at(item, path) is not None]
    return (
        None if len(values) == len(set(map(str, values))) else f"`{path}` isn't unique: {', '.join(map(str, values))}"
    )


@check
def status(seen: Observed, codes: Sequence[int]) -> str | None:
    """The HTTP status is one of these."""
    return None if seen.answer.status in codes else f"the status is {seen.answer.status}"


@check
def member(seen: Observed, path: str, value: object = None, among: Sequence[object] = ()) -> str | None:
    """A member of the response, or of another JSON body, has a value, or one of several."""
    have = at(seen.answer.response, path)
    allowed = list(among) or [value]
    wanted = " or ".join(map(json.dumps, allowed))
    return None if have in allowed else f"`{path}` is {json.dumps(have)}, not {wanted}"


@check
def same(seen: Observed, as_: str, path: str = "") -> str | None:
    """The response, or a member of it, equals that of another step's answer."""
    one, other = seen.answer.response, seen.all[as_][0].response
    if path:
        one, other = at(one, path), at(other, path)
    if one == other:
        return None
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return f"`{path}` is {json.dumps(one)}, it was {json.dumps(other)}"
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return f"it differs from the response before in {', '.join(names)}"


@check
def same_members(seen: Observed, as_: str, besides: Sequence[str] = ()) -> str | None:
    """The response has the members that another step's has."""
    one, other = set(seen.answer.response), set(seen.all[as_][0].response)
    names = sorted((one ^ other) - set(besides))
    return f"one has, the other lacks: {', '.join(names)}" if names else None


@check
def same_items(seen: Observed, as_: str) -> str | None:
    """Where the text is the same as in another step's answer, the types of the items are, too."""
    other = seen.all[as_][0]
    if not seen.answer.all_text or seen.answer.all_text != other.all_text:
        return None  # sampling: nothing can be said
    one, two = ([item.get("type") for item in answer.items] for answer in (seen.answer, other))
    return None if one == two else f"the items are {one}, the other way they are {two} with the same text"


@check
def body(seen: Observed) -> str | None:
    """The answer is one JSON response, not a stream."""
    if seen.answer.is_stream:
        return "it is a stream, which wasn't asked for"
    kind = at(seen.answer.document, "object")
    return None if kind == "response" else f"`object` is {json.dumps(kind)}"


@check
def resumed(seen: Observed, after: int) -> str | None:
    """A stream that is taken up again goes on with the event behind `after`, and ends."""
    if not seen.answer.is_stream:
        return Unsupported("the response isn't a stream")
    first = seen.answer.events[0].get("sequence_number") if seen.answer.events else None
    return None if first == after + 1 else f"it goes on with event {first}, not with {after + 1}"


@check
def refused(seen: Observed) -> str | None:
    """The server refuses the request."""
    return None if seen.answer.refusal else "the request isn't refused"


@check
def kept_as_stated(seen: Observed, as_: str) -> str | None:
    """A response is retrieved where it says that it is stored."""
    is_stored = seen.all[as_][0].response.get("store") is True
    return f"it says `store: true`, and then: {seen.answer.refusal}" if is_stored and seen.answer.refusal else None


@check
def error_code(seen: Observed, value: str) -> str | None:
    """An error has a code."""
    have = seen.answer.error_code
    return None if have == value else f"the code of the error is {json.dumps(have)}, not {json.dumps(value)}"


@check
def numbered_from(seen: Observed, first: int = 0) -> str | None:
    """The first event has this sequence_number, where events are numbered."""
    number = seen.answer.events[0].get("sequence_number") if seen.answer.events else None
    return None if number in (None, first) else f"the first sequence_number is {number}, not {first}"


@check
def has(seen: Observed, path: str) -> str | None:
    """The response, or another JSON body, has a member that isn't null."""
    return f"`{path}` is missing" if at(seen.answer.response, path) is None else None


@check
def tail(seen: Observed, as_: str, after: int) -> str | None:
    """The events are those of another step's answer behind `after`, one by one."""
    if not seen.answer.is_stream:
        return Unsupported("the response isn't a stream")
    other = [event for event in seen.all[as_][0].events if event.get("sequence_number", -1) > after]
    if seen.answer.events == other:
        return None
    pairs = zip(seen.answer.events, other, strict=False)
    first = next((n for n, (one, two) in enumerate(pairs) if one != two), min(len(seen.answer.events), len(other)))
    return f"the events differ from those sent before, first at {first}"


@check
def alike(seen: Observed) -> str | None:
    """The answers of a step that is sent several times at once have the same events."""
    for several in seen.all.values():
        if seen.answer in several and any(answer.events != seen.answer.events for answer in several):
            return "the responses to the same request differ"
    return None


@check
def lanes(seen: Observed) -> str | None:
    """Each event names the lane that its request named."""
    stated = {event.get("stream_id") for event in seen.answer.events}
    if stated == {None}:
        return Unsupported("no event has a `stream_id`")
    return None if len(stated) == 1 else "some events have another `stream_id`, or none"
