"""VCR cassettes: requests and responses as vcrpy (pytest-recording), betamax, Ruby's VCR and go-vcr keep them.

Each is one document, YAML or JSON, with a list of `interactions` or `http_interactions`; bodies are text, binary, or an
object with `string` or `base64_string`.
"""

import base64
import binascii
import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO, NamedTuple

from responses_tap.formats import Damaged, TooLarge, UnrecognizedFormat
from responses_tap.formats.exchanges import Exchange, streams
from responses_tap.stream import file_values
from responses_tap.stream.columns import Headers
from responses_tap.stream.model import Ending, Request, Response, Skipped, Stream

_KEYS = ("interactions", "http_interactions")
_YAML = re.compile(rb"^(?:http_)?interactions:\s*(?:#.*)?$", re.MULTILINE)
LARGEST_YAML = 64 << 20
"""Bytes: YAML is parsed at about 1 MB a second, into eight times its size."""
_MOST_NODES = 100_000
"""Values in a YAML document: ruamel takes some 2 KB and 80 µs for each, and an interaction has some 60."""
_FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What building a value, or reading an interaction's members, may raise."""
_BODIES = "record the cassette again"
_UNITS = {"h": 3600e9, "m": 60e9, "s": 1e9, "ms": 1e6, "µs": 1e3, "us": 1e3, "ns": 1}
_DURATION = re.compile(rf"([\d.]+)({'|'.join(sorted(_UNITS, key=len, reverse=True))})")


def is_cassette(document: object) -> bool:
    """Whether a JSON document is a cassette."""
    return isinstance(document, dict) and any(isinstance(document.get(key), list) for key in _KEYS)


def is_yaml(start: bytes) -> bool:
    """Whether a text with this start is a cassette in YAML."""
    return _YAML.search(start) is not None


def read(document: dict[str, Any]) -> Iterator[Stream | Skipped]:
    """The event streams of a cassette that was JSON."""
    interactions = next(document[key] for key in _KEYS if isinstance(document.get(key), list))
    return _read(_Interaction(f"interaction {n}", 1, partial(_as_it_is, value)) for n, value in enumerate(interactions))


def _as_it_is(value: object) -> object:
    return value


def read_yaml(file: BinaryIO) -> Iterator[Stream | Skipped]:
    """The event streams of a cassette in YAML; UnrecognizedFormat where it isn't one, or is too large."""
    content = file.read(LARGEST_YAML + 1)
    if len(content) > LARGEST_YAML:
        raise TooLarge(f"is a YAML document of more than {LARGEST_YAML >> 20} MB, too large to read; split it")
    return _read(_interactions(content))


class _Interaction(NamedTuple):
    place: str
    line: int
    value: Callable[[], Any]
    """Returns it, or raises an exception that says what is wrong with it."""


def _interactions(content: bytes) -> Iterator[_Interaction]:
    """The interactions of a YAML document, which is composed first because nodes have line numbers."""
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import Composer
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

    class Bounded(Composer):
        nodes = 0

        def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 (as ruamel has it)
            self.nodes += 1
            if self.nodes > _MOST_NODES:
                raise TooLarge(f"is a YAML document of more than {_MOST_NODES:,} values, too many to read; split it")
            return super().compose_node(parent, index)

    yaml = YAML(typ="safe", pure=True)
    yaml.Composer = Bounded

    def value(node: Node) -> Any:  # noqa: ANN401 (YAML)
        try:
            with warnings.catch_warnings(action="ignore"):  # they quote the file
                return yaml.constructor.construct_document(node)
        except YAMLError as error:
            raise ValueError(_problem(error)) from error

    try:
        with warnings.catch_warnings(action="ignore"):
            root = yaml.compose(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnrecognizedFormat(
            f"is YAML that is not UTF-8 (line {content.count(b'\n', 0, error.start) + 1})"
        ) from error
    except RecursionError as error:
        raise UnrecognizedFormat("is YAML that is nested too deeply") from error
    except (YAMLError, *_FAULTS) as error:
        raise Damaged(f"is YAML that breaks{_problem(error)}") from error
    pairs = root.value if isinstance(root, MappingNode) else []
    found = next((node for key, node in pairs if key.value in _KEYS), None)
    for n, node in enumerate(found.value if isinstance(found, SequenceNode) else ()):
        line = node.start_mark.line + 1
        yield _Interaction(f"interaction {n} (line {line})", line, partial(value, node))


def _problem(error: Exception) -> str:
    """Where and why YAML breaks, in a line: ruamel's own message fills several."""
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}" if mark else ""
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    return f"{where} ({why})"


def _read(interactions: Iterable[_Interaction]) -> Iterator[Stream | Skipped]:
    return streams(map(_exchange, interactions), "a cassette", _BODIES)


def _exchange(interaction: _Interaction) -> Exchange | Skipped:
    place, line, value = interaction
    try:
        members = file_values.bounded(value())
        request, response = members["request"], members["response"]
        posted = _body(request)
        return Exchange(
            place,
            Request(
                file_values.text(request["method"]).upper(),
                file_values.text(request["uri"] if "uri" in request else request["url"]),
                headers=_headers(request.get("headers")),
                body=posted.decode(errors="replace") if posted else None,
                started_at=_time(members.get("recorded_at")),
            ),
            Response(_status(response), _headers(response.get("headers"))),
            _body(response),
            Ending(at_ns=_nanoseconds(response.get("duration"))),
            line,
        )
    except binascii.Error as error:
        return Skipped(place, f"has a body that is not base64 ({error})", fault=True)
    except _FAULTS as error:
        return Skipped(place, f"is damaged ({type(error).__name__}: {' '.join(str(error).split())})", fault=True)


def _body(message: dict[str, Any]) -> bytes | None:
    if "parsed_body" in message:  # as written by a popular JSON serializer for vcrpy
        return json.dumps(message["parsed_body"]).encode()
    body = message.get("body")
    if isinstance(body, dict) and isinstance(body.get("base64_string"), str):
        return base64.b64decode("".join(body["base64_string"].split()), validate=True)
    if isinstance(body, dict):
        body = body.get("string")
    if isinstance(body, str):
        return body.encode(errors="replace")
    if body is None or isinstance(body, bytes):
        return body
    raise TypeError(f"a body is {type(body).__name__}")


def _status(response: dict[str, Any]) -> int | None:
    """Vcrpy and Ruby have an object with the code, go-vcr the code next to the status line."""
    status = response.get("status")
    code = status.get("code") if isinstance(status, dict) else response.get("code", status)
    return file_values.status(code)


def _headers(headers: dict[str, Any] | None) -> Headers:
    """The values of a name are a list or a single text."""
    pairs = ((name, found if isinstance(found, list) else [found]) for name, found in (headers or {}).items())
    return tuple((file_values.text(name), _header(value)) for name, found in pairs for value in found)


def _header(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else file_values.text(value)


def _time(stated: object) -> str | None:
    """Betamax and YAML's own dates are ISO 8601; Ruby writes them as HTTP does."""
    return stated.isoformat() if isinstance(stated, datetime) else stated if isinstance(stated, str) else None


def _nanoseconds(stated: object) -> int | None:
    """go-vcr's duration: `1m2.5s`, `312.5ms`."""
    parts = _DURATION.findall(stated) if isinstance(stated, str) else []
    return file_values.time_ns(sum(float(number) * _UNITS[unit] for number, unit in parts)) if parts else None
