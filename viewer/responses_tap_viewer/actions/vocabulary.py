"""Compares the checker's vocabulary with the types of an installed `openai` package."""

import typing
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from responses_tap.errors import UnusableInput
from responses_tap.protocol.grammar import ROWS
from responses_tap.protocol.objects import ITEM_FIELDS, KNOWN_ITEMS, RESPONSE_FIELDS

MADE_FROM = "3.57.0"
"""The release of openai-python that the vocabulary was last compared with."""
_UNIONS = {
    "event": (
        "responses.ResponseStreamEvent",
        "responses.ResponsesServerEvent",
        "beta.BetaResponseStreamEvent",
        "beta.BetaResponsesServerEvent",
    ),
    "item": ("responses.ResponseOutputItem", "beta.BetaResponseOutputItem"),
}
_UNTYPED = frozenset(
    {
        "configuration_update",
        "keepalive",
        "response.apply_patch_call_operation_diff.delta",
        "response.apply_patch_call_operation_diff.done",
    }
)
"""What OpenAI sends without a type in the package's unions of events and output items."""
_BY_RULES = {
    "event": frozenset({"type", "sequence_number", "logprobs"}),  # SC803, SC802
    "item": frozenset({"type", "call_id"}),  # ID513
}
"""Required fields that have a rule of their own."""
_REQUIRED_ELSEWHERE = {
    ("event", "error"): frozenset({"message"}),  # SC809
    ("item", "computer_call"): frozenset({"pending_safety_checks"}),  # not sent by OpenAI
}


def differences() -> tuple[str, list[str]]:
    """The version of the installed `openai` package, and the differences, a line each.

    UnusableInput where none is installed, or one too old to have the types.
    """
    try:
        installed = version("openai")
        types = import_module("openai.types.responses")
    except (PackageNotFoundError, ImportError) as error:
        raise UnusableInput(
            "", "the openai package isn't installed here; `uv run --with openai responses-tap vocabulary` has it"
        ) from error
    events, items = _required("event"), _required("item")
    if not events or not items:
        raise UnusableInput("", f"openai {installed} has no types of the Responses API; install a newer one")
    # Of events that belong to the socket, not to a response, only the names are known.
    ours = {type_: frozenset(row.required) if row.known else None for type_, row in ROWS.items()}
    found = [*_compared("event", ours, events), *_compared("item", _items(), items)]
    wanted = {name for name, is_required in _fields(types.Response).items() if is_required}
    found += [f"response: {name} is required there, not here" for name in sorted(wanted - set(RESPONSE_FIELDS))]
    return installed, found


def _items() -> dict[str, frozenset[str] | None]:
    """The item types known to the checker, with the fields that it requires of a finished one; None: none."""
    return {type_: frozenset(ITEM_FIELDS[type_].done) if type_ in ITEM_FIELDS else None for type_ in KNOWN_ITEMS}


def _compared(
    noun: str, ours: Mapping[str, frozenset[str] | None], theirs: Mapping[str, frozenset[str]]
) -> Iterator[str]:
    """What each side lacks."""
    yield from (f"{noun} {type_}: not known here" for type_ in sorted(theirs.keys() - ours.keys()))
    yield from (f"{noun} {type_}: not known there" for type_ in sorted(ours.keys() - theirs.keys() - _UNTYPED))
    for type_ in sorted(ours.keys() & theirs.keys()):
        required = ours[type_]
        if required is not None:
            elsewhere = _BY_RULES[noun] | _REQUIRED_ELSEWHERE.get((noun, type_), frozenset())
            lacking = theirs[type_] - required - elsewhere
            yield from (f"{noun} {type_}: {name} is required there, not here" for name in sorted(lacking))


def _required(noun: str) -> dict[str, frozenset[str]]:
    """The types in the package's unions, each with the fields that all models of the type require."""
    found: dict[str, frozenset[str]] = {}
    for path in _UNIONS[noun]:
        module, _, name = path.partition(".")
        for model in _members(getattr(import_module(f"openai.types.{module}"), name, None)):
            fields = _fields(model)
            required = frozenset(name for name, is_required in fields.items() if is_required)
            for type_ in typing.get_args(model.model_fields["type"].annotation):
                found[type_] = found.get(type_, required) & required
    return found


def _fields(model: Any) -> dict[str, bool]:  # noqa: ANN401 (a pydantic model of the package)
    return {name: field.is_required() for name, field in model.model_fields.items()}


def _members(union: Any) -> Iterator[Any]:  # noqa: ANN401 (as above)
    """The models of a union, at any depth."""
    if typing.get_origin(union) is typing.Annotated:
        yield from _members(typing.get_args(union)[0])
    elif hasattr(union, "model_fields"):
        if "type" in union.model_fields:
            yield union
    else:
        for member in typing.get_args(union):
            yield from _members(member)
