"""VCR cassettes: what vcrpy (pytest-recording), betamax, Ruby's VCR and go-vcr keep of requests and their answers.

All are one document, YAML or JSON, with a list of `interactions` or `http_interactions`; bodies are a text, binary,
or an object with `string` or `base64_string`.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, BinaryIO

from responses_tap.formats import Damaged, Foreign
from responses_tap.formats.exchanges import Exchange, streams
from responses_tap.formats.imported import Answer, End, Headers, Imported, Request, Skipped

_KEYS = ("interactions", "http_interactions")
_YAML = re.compile(rb"^(?:http_)?interactions:\s*(?:#.*)?$", re.MULTILINE)
LARGEST_YAML = 64 << 20
"""Bytes: YAML is read at about 1 MB a second, into eight times its size."""
_BODIES = "record the cassette anew"
_UNITS = {"h": 3600e9, "m": 60e9, "s": 1e9, "ms": 1e6, "µs": 1e3, "us": 1e3, "ns": 1}
_DURATION = re.compile(rf"([\d.]+)({'|'.join(sorted(_UNITS, key=len, reverse=True))})")


def is_cassette(document: object) -> bool:
    """Whether a JSON document is a cassette."""
    return isinstance(document, dict) and any(isinstance(document.get(key), list) for key in _KEYS)


def is_yaml(start: bytes) -> bool:
    """Whether a text that begins so is a cassette in YAML."""
    return _YAML.search(start) is not None


def read(document: dict[str, Any]) -> Iterator[Imported | Skipped]:
    """The event streams of a cassette that was JSON."""
    interactions = next(document[key] for key in _KEYS if isinstance(document.get(key), list))
    return _read((f"interaction {n}", 1, interaction) for n, interaction in enumerate(interactions))


def read_yaml(file: BinaryIO) -> Iterator[Imported | Skipped]:
    """The event streams of a cassette in YAML; Foreign where it is none, or too large."""
    content = file.read(LARGEST_YAML + 1)
    if len(content) > LARGEST_YAML:
        raise Foreign(f"is a YAML document of more than {LARGEST_YAML >> 20} MB, too large to read; split it")
    return _read(_interactions(content))


def _interactions(content: bytes) -> Iterator[tuple[str, int, object]]:
    """The place, the line and the value of each interaction. The document is composed first: that keeps the lines."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    yaml = YAML(typ="safe", pure=True)
    try:
        root = yaml.compose(content.decode("utf-8-sig"))
        pairs = root.value if isinstance(root, MappingNode) else []
        found = next((value for key, value in pairs if key.value in _KEYS), None)
        for n, node in enumerate(found.value if isinstance(found, SequenceNode) else ()):
            line = node.start_mark.line + 1
            yield f"interaction {n} (line {line})", line, yaml.constructor.construct_document(node)
    except YAMLError as error:
        raise Damaged(f"is YAML that breaks{_problem(error)}") from error
    except UnicodeDecodeError as error:
        raise Foreign(f"is YAML that is not UTF-8 (line {content.count(b'\n', 0, error.start) + 1})") from error
    except RecursionError as error:
        raise Foreign("is YAML that is nested too deeply") from error


def _problem(error: Exception) -> str:
    """Where and why YAML breaks: ruamel's own words fill several lines."""
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}" if mark else ""
    why = getattr(error, "problem", None) or getattr(error, "reason", None) or type(error).__name__
    return f"{where} ({why})"


def _read(interactions: Iterable[tuple[str, int, object]]) -> Iterator[Imported | Skipped]:
    return streams((_exchange(*interaction) for interaction in interactions), "a cassette", _BODIES)


def _exchange(place: str, line: int, interaction: Any) -> Exchange | Skipped:  # noqa: ANN401 (JSON)
    try:
        request, response = interaction["request"], interaction["response"]
        posted = _body(request)
        return Exchange(
            place,
            Request(
                str(request["method"]).upper(),
                str(request["uri"] if "uri" in request else request["url"]),
                headers=_headers(request.get("headers")),
                body=posted.decode(errors="replace") if posted else None,
                started_at=_time(interaction.get("recorded_at")),
            ),
            Answer(_status(response), _headers(response.get("headers"))),
            _body(response),
            End(at_ns=_nanoseconds(response.get("duration"))),
            line,
        )
    except binascii.Error as error:
        return Skipped(place, f"has a body that is no base64 ({error})", fault=True)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return Skipped(place, f"is damaged ({type(error).__name__}: {error})", fault=True)


def _body(message: dict[str, Any]) -> bytes | None:
    if "parsed_body" in message:  # a serializer for vcrpy that is copied around writes JSON so
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
    """Vcrpy and Ruby have an object with the code, go-vcr the code beside the line."""
    status = response.get("status")
    code = status.get("code") if isinstance(status, dict) else response.get("code", status)
    return code if isinstance(code, int) else None


def _headers(headers: dict[str, Any] | None) -> Headers:
    """The values of a name are a list, or one text."""
    pairs = ((str(name), values if isinstance(values, list) else [values]) for name, values in (headers or {}).items())
    return tuple((name, str(value)) for name, values in pairs for value in values)


def _time(told: object) -> str | None:
    """Betamax and YAML's own dates are ISO 8601; Ruby writes them as HTTP does."""
    return told.isoformat() if isinstance(told, datetime) else told if isinstance(told, str) else None


def _nanoseconds(told: object) -> int | None:
    """go-vcr's duration: `1m2.5s`, `312.5ms`."""
    parts = _DURATION.findall(told) if isinstance(told, str) else []
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts)) if parts else None
