"""A value that fits a JSON Schema: the arguments of a call that nobody computed."""

from collections.abc import Mapping
from typing import Any

_DEEPEST = 12
"""How deep a schema is followed: one may refer to itself."""
_MOST_VALUES = 1000
_MOST_LETTERS = 10_000
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "email": "user@example.com",
    "time": "12:00:00Z",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

type Schema = Mapping[str, Any]


def invented(schema: object) -> Any:  # noqa: ANN401 - any JSON
    """A value that fits the schema, as far as the usual keywords say; {} if it isn't a schema or never ends."""
    return _Inventor(schema).value(schema, _DEEPEST)


class _Inventor:
    """Invents values by one schema, up to a number of them."""

    def __init__(self, root: object) -> None:
        self._root = root
        self._values = 0

    def value(self, schema: object, depth: int) -> Any:  # noqa: ANN401 - any JSON
        self._values += 1
        if not isinstance(schema, Mapping) or not depth or self._values > _MOST_VALUES:
            return {}
        stated = [schema[name] for name in ("const", "default") if name in schema]
        stated += [schema[name][0] for name in ("enum", "examples") if _is_listed(schema, name)]
        if stated:
            return stated[0]
        nested = [schema[name][0] for name in ("anyOf", "oneOf", "allOf") if _is_listed(schema, name)]
        nested += [_referred(schema["$ref"], self._root)] if isinstance(schema.get("$ref"), str) else []
        return self.value(nested[0], depth - 1) if nested else self._typed(schema, depth - 1)

    def _typed(self, schema: Schema, depth: int) -> Any:  # noqa: ANN401 - any JSON
        kind = schema.get("type", "object")
        match kind[0] if isinstance(kind, list) and kind else kind:
            case "array":
                count = max(1, _integer(schema, "minItems", 1)) if "items" in schema else 0
                return [self.value(schema["items"], depth) for _ in range(min(count, _MOST_VALUES - self._values))]
            case "string":
                return _text(schema)
            case "number" | "integer":
                return _number(schema)
            case "boolean":
                return True
            case "null":
                return None
        properties = schema.get("properties")
        listed = properties.items() if isinstance(properties, Mapping) else ()
        return {name: self.value(inner, depth) for name, inner in listed}


def _is_listed(schema: Schema, name: str) -> bool:
    return isinstance(schema.get(name), list) and bool(schema[name])


def _text(schema: Schema) -> str:
    said = _FORMATS.get(str(schema.get("format")), "sample")
    least, most = _integer(schema, "minLength", 0), _integer(schema, "maxLength", _MOST_LETTERS)
    return said.ljust(min(least, _MOST_LETTERS), "x")[: max(most, 0)]


def _number(schema: Schema) -> int | float:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    if isinstance(least, int | float):
        return least + ("exclusiveMinimum" in schema)
    most = schema.get("maximum")
    return min(1, most) if isinstance(most, int | float) else 1


def _integer(schema: Schema, name: str, default: int) -> int:
    value = schema.get(name)
    return value if isinstance(value, int) else default


def _referred(reference: str, root: object) -> object:
    """What `#/$defs/place` stands for."""
    found = root
    for step in filter(None, reference.removeprefix("#").split("/")):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
