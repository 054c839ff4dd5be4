"""Values in requests that a file can't state: those of earlier answers, fresh ids, and long texts."""

import re
import secrets
from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

_REFERENCE = re.compile(r"\$\{([^}]+)\}")


class MissingValue(Exception):  # noqa: N818 (it is the name of the state)
    """An earlier answer hasn't the value that a request needs."""


def at(document: object, path: str) -> Any:  # noqa: ANN401 (JSON)
    """The value at a path such as `output.0.id`, None where there is none."""
    for part in path.split("."):
        if isinstance(document, Mapping):
            document = document.get(part)
        elif isinstance(document, list) and part.lstrip("-").isdigit() and -len(document) <= int(part) < len(document):
            document = document[int(part)]
        else:
            return None
    return document


def filled(value: Any, known: MutableMapping[str, object]) -> Any:  # noqa: ANN401 (JSON)
    """The value with each `${…}` replaced; Missing where there is nothing to replace it with.

    A text that is one reference becomes the value itself, and a list in a list its items.
    """
    if isinstance(value, str):
        return _text(value, known)
    if isinstance(value, list):
        items: list[Any] = []
        for inner in value:
            found = filled(inner, known)
            items += found if isinstance(found, list) and isinstance(inner, str) else [found]
        return items
    if isinstance(value, Mapping):
        return {key: filled(inner, known) for key, inner in value.items()}
    return value


def path_of(path: str, known: MutableMapping[str, object]) -> str:
    """The path of a request; what is filled in is percent-encoded, whatever characters an id has."""
    return _REFERENCE.sub(lambda match: quote(str(_value(match[1], known)), safe=""), path)


def _text(text: str, known: MutableMapping[str, object]) -> Any:  # noqa: ANN401 (JSON)
    if whole := _REFERENCE.fullmatch(text):
        return _value(whole[1], known)
    return _REFERENCE.sub(lambda match: str(_value(match[1], known)), text)


def _value(reference: str, known: MutableMapping[str, object]) -> Any:  # noqa: ANN401 (JSON)
    if reference.startswith("words:"):
        return " ".join(["word"] * int(reference.removeprefix("words:")))
    if reference.startswith("new:"):
        kind, is_named, _ = reference.removeprefix("new:").partition("#")
        fresh = f"{kind}_{secrets.token_hex(12)}"
        return known.setdefault(reference, fresh) if is_named else fresh
    name, _, path = reference.partition(".")
    value = known.get(name) if not path else at(known.get(name), path)
    if value is None:
        raise MissingValue(reference)
    return value
