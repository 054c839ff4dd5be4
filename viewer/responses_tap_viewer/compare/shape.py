"""The shape of an event: its fields and their JSON types, without the values of a model or a clock."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from responses_tap.protocol.events import json_type

type FieldPath = tuple[str, ...]
"""The path of a field, names from the outside in; `[message]` stands for an array's elements of that type."""
type Shape = dict[FieldPath, set[str]]
"""What is found at each path: JSON types, or the value itself where the protocol has a vocabulary."""

VOCABULARY = frozenset({"status", "role", "object"})
"""Fields whose values are the protocol's, not a model's."""
_ASIDE = frozenset({"type", "obfuscation"})
"""The type is compared before the shape; obfuscation is padding that a client may turn off."""
_OPAQUE = frozenset({"metadata", "tools", "text", "reasoning", "parameters", "schema", "prompt"})
"""Objects whose content comes from the request."""
_ANY_TYPE = frozenset({"tool_choice", "instructions"})
"""Fields of a response whose JSON type the request decides."""
_FILLED = frozenset({"id", "created_at", "model", "status", "output", "usage", "error", "incomplete_details"})
"""The fields of a response where null is about the server; elsewhere it means that something wasn't requested."""
STRUCTURE = frozenset({"output", "content", "summary"})
"""Arrays whose elements are items and parts; what others hold depends on the texts."""


class FieldDifference(NamedTuple):
    """A field that two events have differently."""

    path: FieldPath
    a: str | None
    """What A has there (`an array`, `"completed"`), None for nothing."""
    b: str | None

    @property
    def name(self) -> str:
        """The path in writing: `response.output[reasoning].id`."""
        return ".".join(self.path).replace(".[", "[")


def add_shape(shape: Shape, data: dict[str, Any], keys: Mapping[FieldPath, str | int | None]) -> None:
    """Add the fields of one event to the shape of its run; `keys` are the id and the index of its item."""
    before = {path for path in shape if len(path) == 1}
    _object(shape, (), data)
    # What only some events of a run have counts: one delta without its item_id is a difference.
    for path, found in shape.items():
        if before and len(path) == 1 and (path not in before or path[0] not in data):
            found.add("nothing")
    item = data.get("item")
    for path, own in keys.items():
        holder = data if len(path) == 1 else item
        value = holder.get(path[-1]) if isinstance(holder, dict) else None
        if type(value) in (str, int) and own not in (None, "", value):
            shape[path] = {"another than its item's"}


def differing(a: Shape, b: Shape) -> Iterator[FieldDifference]:
    """The fields in which two shapes differ; below a field that one of them lacks, nothing is reported."""
    for path in (*a, *(path for path in b if path not in a)):
        have, want = b.get(path), a.get(path)
        if have is None or want is None:
            other = b if have is None else a
            if _counts(path) and (len(path) == 1 or path[:-1] in other):
                yield FieldDifference(path, _words(want), _words(have))
        elif _unlike(path, want, have):
            yield FieldDifference(path, _words(want), _words(have))


def _object(shape: Shape, path: FieldPath, value: dict[str, Any]) -> None:
    for key, inner in value.items():
        if key not in _ASIDE:
            _value(shape, (*path, key), inner)


def _value(shape: Shape, path: FieldPath, value: object) -> None:
    name = path[-1]
    word = f'"{value}"' if name in VOCABULARY and isinstance(value, str) else json_type(value)
    # JSON has one kind of number: 1.0 and 1 are the same.
    shape.setdefault(path, set()).add("a number" if word == "a float" else word)
    if isinstance(value, dict) and not (name in _OPAQUE or (type_ := _type(value)) is None or name in ("item", "part")):
        _element(shape, (*path, f"[{type_}]"), value)
    elif isinstance(value, dict) and name not in _OPAQUE:
        _object(shape, path, value)
    elif isinstance(value, list) and name not in _OPAQUE:
        for element in value:
            _element(shape, (*path, f"[{_type(element) or ''}]"), element)


def _element(shape: Shape, path: FieldPath, value: object) -> None:
    shape.setdefault(path, set()).add(json_type(value))
    if isinstance(value, dict):
        _object(shape, path, value)


def _type(value: object) -> str | None:
    type_ = value.get("type") if isinstance(value, dict) else None
    return type_ if isinstance(type_, str) else None


def _counts(path: FieldPath) -> bool:
    return not path[-1].startswith("[") or path[-2] in STRUCTURE


def _unlike(path: FieldPath, a: set[str], b: set[str]) -> bool:
    if path[0] == "response" and len(path) > 1 and path[1] not in _FILLED:
        return path[1] not in _ANY_TYPE and a - {"null"} != b - {"null"} and "null" not in (a | b)
    return a != b


def _words(types: set[str] | None) -> str | None:
    return None if types is None else " or ".join(sorted(types))
