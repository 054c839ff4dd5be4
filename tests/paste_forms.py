"""The forms in which programs print the events of a stream, written as those programs write them."""

import csv
import html
import json
import pprint
import re
import shutil
import subprocess
import textwrap
import unicodedata
from collections.abc import Callable
from io import StringIO
from typing import Any

import rich.console
import rich.pretty
from openai._models import construct_type
from openai.types.responses import ResponseStreamEvent

type Events = list[dict[str, Any]]

ISO = "2026-09-01T10:00:00.123456789Z"
_NODE = "for (const e of JSON.parse(require('fs').readFileSync(0))) "


def compact(event: dict[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)


def sse(events: Events) -> str:
    return "".join(f"event: {event['type']}\ndata: {compact(event)}\n\n" for event in events)


def models(events: Events) -> list[Any]:
    return [construct_type(value=event, type_=ResponseStreamEvent) for event in events]


def _lines(show: Callable[[Any], str], make: Callable[[Events], list[Any]] = list) -> Callable[[Events], str]:
    return lambda events: "".join(f"{show(value)}\n" for value in make(events))


def _rich(value: Any, width: int = 80) -> str:
    console = rich.console.Console(file=StringIO(), width=width)
    console.print(value if isinstance(value, str) else rich.pretty.Pretty(value))
    return console.file.getvalue()  # type: ignore[attr-defined]


def _plain_str(value: Any) -> str:
    return str(value.__repr_str__(" "))


def _sse_lines(show: Callable[[str], str]) -> Callable[[Events], str]:
    return lambda events: "".join(f"{show(line)}\n" for line in sse(events).splitlines())


def _chunks(events: Events) -> str:
    body = sse(events).encode()
    return "".join(f"{body[at : at + 700]!r}\n" for at in range(0, len(body), 700))


def _cri(line: str) -> str:
    parts = [line[at : at + 300] for at in range(0, len(line), 300)] or [""]
    return "\n".join(f"{ISO} stdout {'F' if n == len(parts) - 1 else 'P'} {part}" for n, part in enumerate(parts))


def _json_file(line: str) -> str:
    parts = [line[at : at + 300] for at in range(0, len(line), 300)] or [""]
    parts[-1] += "\n"
    return "\n".join(json.dumps({"log": part, "stream": "stdout", "time": ISO}) for part in parts)


def _meter(events: Events) -> str:
    begin = (
        "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
        "                                 Dload  Upload   Total   Spent    Left  Speed\n"
    )
    meter = "\r  0     0    0     0    0     0      0      0 --:--:-- --:--:-- --:--:--     0"
    later = "\r100  3571    0  3519  100    52   2931     43  0:00:01  0:00:01 --:--:--  2973"
    return begin + meter + later + later.join(f"{block}\n\n" for block in sse(events).split("\n\n") if block)


def _codex(event: dict[str, Any], *, colour: bool = False) -> str:
    dim, green, reset = ("\x1b[2m", "\x1b[35m", "\x1b[0m") if colour else ("", "", "")
    where = f"{dim}codex_api::sse::responses{reset}{dim}:{reset}"
    span = "session_loop{thread_id=0199-aa}:turn{model=\"m\" kind='x'}: "
    noise = f"{dim}{ISO}{reset} {green}TRACE{reset} {dim}hyper::proto{reset}: parsed {{ 2 headers\n"
    return f"{noise}{dim}{ISO}{reset} {green}TRACE{reset} {span}{where} SSE event: {compact(event)}"


def _mitmdump(events: Events) -> str:
    head = (
        "127.0.0.1:51234: POST http://localhost:8000/v1/responses\n    Host: localhost:8000\n\n"
        '    {\n        "model": "m",\n        "stream": true\n    }\n\n << 200 OK 3.1k\n'
        "    content-type: text/event-stream\n\n"
    )
    return head + "".join(f"    {line}\n" for line in sse(events).splitlines())


def _mitmdump_socket(event: dict[str, Any]) -> str:
    pretty = json.dumps(event, indent=4).replace("\n", "\n    ")
    return f"127.0.0.1:5 <- WebSocket text message <- api.openai.com:443/v1/responses\n\n    {pretty}\n"


def _httpie(events: Events) -> str:
    request = (
        'POST /v1/responses HTTP/1.1\nHost: localhost:8000\nUser-Agent: HTTPie/3.2\n\n{\n    "model": "m"\n}\n\n\n'
    )
    return f"{request}HTTP/1.1 200 OK\ncontent-type: text/event-stream\n\n{sse(events)}"


def _sdk_debug(events: Events) -> str:
    begin = (
        "[2026-09-01 10:00:00 - openai._base_client:482 - DEBUG] Request options: {'method': 'post', 'url': "
        "'/responses', 'headers': {'X-Stainless-Raw-Response': 'stream'}, 'json_data': {'input': 'hi', 'stream': "
        'True}}\n[2026-09-01 10:00:01 - openai._base_client:1025 - DEBUG] HTTP Response: POST /v1/responses "200 OK" '
        "Headers({'date': 'Tue', 'content-type': 'text/event-stream'})\n"
    )
    return begin + FORMS["SDK repr"](events)


def _journal(message: str, *, as_bytes: bool = False) -> str:
    shown: Any = list(message.encode()) if as_bytes else message
    return json.dumps({"__REALTIME_TIMESTAMP": "1788256800000000", "PRIORITY": "6", "MESSAGE": shown})


def _csv(events: Events) -> str:
    file = StringIO()
    writer = csv.writer(file)
    writer.writerows([["Date", "Service", "Message"], *([ISO, "gateway", compact(event)] for event in events)])
    return file.getvalue()


def _loki(events: Events, *, newest_first: bool = False) -> str:
    values = [[str(1788256800000000000 + n), line] for n, line in enumerate(sse(events).splitlines())]
    result = [{"stream": {"app": "gw"}, "values": values[::-1] if newest_first else values}]
    return json.dumps({"status": "success", "data": {"resultType": "streams", "result": result}})


def _datadog(events: Events) -> str:
    rows = [{"id": "AA", "attributes": {"message": compact(event), "service": "gw"}} for event in reversed(events)]
    return json.dumps({"data": rows, "meta": {"page": {}}}, indent=2)


def _ruby(value: Any, *, old: bool = False) -> str:
    if isinstance(value, dict):
        members = (f":{key}=>{_ruby(v, old=old)}" if old else f"{key}: {_ruby(v)}" for key, v in value.items())
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_ruby(inner, old=old) for inner in value) + "]"
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)


def _mail(events: Events) -> str:
    wrap = textwrap.TextWrapper(76, break_long_words=False, break_on_hyphens=False)
    return "".join(f"> {part}\n" for line in sse(events).splitlines() for part in wrap.wrap(line) or [""])


def in_terminal(text: str, columns: int) -> str:
    """A text as one copies it from a terminal that breaks its lines at the last column."""
    broken = []
    for line in text.split("\n"):
        at = 0
        for character in line:
            size = 1 + (unicodedata.east_asian_width(character) in "WF")
            broken.append("\n" * (at + size > columns))
            at = size if at + size > columns else at + size
            broken.append(character)
        broken.append("\n")
    return "".join(broken[:-1])


def _rust(value: Any) -> str:
    if isinstance(value, dict):
        return f"Object {{{', '.join(f'{json.dumps(key)}: {_rust(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"Array [{', '.join(map(_rust, value))}]"
    kind = {str: "String", bool: "Bool"}.get(type(value), "Number")
    return "Null" if value is None else f"{kind}({json.dumps(value, ensure_ascii=False)})"


def _go(value: Any) -> str:
    if isinstance(value, dict):
        members = ", ".join(f"{json.dumps(key)}:{_go(inner)}" for key, inner in value.items())
        return f"map[string]interface {{}}{{{members}}}"
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(_go, value))}}}"
    return "interface {}(nil)" if value is None else json.dumps(value, ensure_ascii=False)


def _php(value: Any) -> str:
    if isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        return "array (\n" + "".join(f"  {key!r} => {_php(inner)},\n" for key, inner in members) + ")"
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "NULL" if value is None else json.dumps(value)


def _swift(value: Any) -> str:
    if isinstance(value, dict):
        return f"[{', '.join(f'{json.dumps(key)}: {_swift(inner)}' for key, inner in value.items()) or ':'}]"
    if isinstance(value, list):
        return f"[{', '.join(map(_swift, value))}]"
    return "<null>" if value is None else json.dumps(value, ensure_ascii=False)


FORMS: dict[str, Callable[[Events], str]] = {
    "SDK repr": _lines(str, models),
    "SDK repr, logged": _lines(lambda model: f"DEBUG:app.stream:got {model!r}", models),
    "SDK repr, rich": _lines(_rich, models),
    "SDK, pydantic's str": _lines(_plain_str, models),
    "SDK, model_dump": _lines(lambda model: repr(model.model_dump(exclude_unset=True)), models),
    "SDK, model_dump pprint": _lines(lambda model: pprint.pformat(model.model_dump(exclude_unset=True)), models),
    "SDK, to_json": _lines(lambda model: model.to_json(), models),
    "dicts": _lines(repr),
    "dicts, pprint": _lines(lambda event: pprint.pformat(event, width=60)),
    "dicts, rich": _lines(_rich),
    "SSE lines, bytes": _sse_lines(lambda line: repr(line.encode())),
    "SSE lines, str": _sse_lines(repr),
    "SSE lines, logged": _sse_lines(lambda line: f"INFO:root:line={line.encode()!r}"),
    "SSE chunks": _chunks,
    "sseclient": _lines(lambda e: f"Event(id=None, event={e['type']!r}, data={compact(e)!r}, retry=None)"),
    "httpx_sse": _lines(lambda e: f"ServerSentEvent(event={e['type']!r}, data={compact(e)!r}, id='', retry=None)"),
    "codex": _lines(_codex),
    "codex, coloured": _lines(lambda event: _codex(event, colour=True)),
    "tracing, JSON": _lines(
        lambda e: json.dumps({"timestamp": ISO, "level": "TRACE", "fields": {"message": f"SSE event: {compact(e)}"}})
    ),
    "docker logs -t": _sse_lines(lambda line: f"{ISO} {line}"),
    "docker logs -t, pretty": lambda events: "".join(
        f"{ISO} {line}\n" for event in events for line in json.dumps(event, indent=2).splitlines()
    ),
    "docker compose": _sse_lines(lambda line: f"gateway-1  | {line}"),
    "docker json-file": _sse_lines(_json_file),
    "containerd": _sse_lines(_cri),
    "kubectl --prefix": _sse_lines(lambda line: f"[pod/gateway-7d9/app] {ISO} {line}"),
    "journalctl": _sse_lines(lambda line: f"Sep 01 10:00:00 host-1 gateway[123]: {line}"),
    "journalctl -o short-iso": _sse_lines(lambda line: f"2026-09-01T10:00:00+0200 host-1 gateway[123]: {line}"),
    "journalctl -o json": _sse_lines(_journal),
    "journalctl -o json, bytes": _sse_lines(lambda line: _journal(line, as_bytes=True)),
    "log, Python": _lines(
        lambda event: f"2026-09-01 10:00:00,123 DEBUG app.client stream.py:12 event={compact(event)}"
    ),
    "log, structured": _lines(lambda event: json.dumps({"level": "debug", "msg": "event", "payload": event})),
    "log, nginx": _lines(lambda e: f'2026/11/28 10:00:00 [debug] 1#1: *1 upstream sent: "data: {compact(e)}"'),
    "pytest's report": lambda events: textwrap.indent(pprint.pformat(events, width=100), "E       ") + "\n",
    "Rust's Value": _lines(lambda event: f"{ISO} TRACE client: event={_rust(event)}"),
    "Go's %#v": _lines(lambda event: f"2026/11/28 10:00:00 {_go(event)}"),
    "PHP's var_export": _lines(_php),
    "Swift": _lines(_swift),
    "curl's meter": _meter,
    "event and data": _lines(lambda event: json.dumps({"event": event["type"], "data": event})),
    "event and text": _lines(lambda event: json.dumps({"event": event["type"], "data": compact(event)})),
    "array of event and data": lambda events: json.dumps([{"event": e["type"], "data": compact(e)} for e in events]),
    "jq": _lines(lambda event: json.dumps(event, indent=2, ensure_ascii=False)),
    "jq, spaced": _lines(lambda event: json.dumps(event, indent=2) + "\n"),
    "Chrome": _lines(lambda event: f"{event['type']}\t{compact(event)}\t10:00:00.123"),
    "Chrome, cells": _lines(lambda event: f"{event['type']}\n{compact(event)}\n10:00:00.123"),
    "Firefox": _lines(lambda event: f"\t{event['type']}\t{compact(event)}\t\t10:00:00 AM"),
    "Safari": _lines(lambda event: f"{compact(event)}\t{event['type']}\t10:00:00.123 AM"),
    "wscat": lambda events: (
        "Connected (press CTRL+C to quit)\n> "
        + json.dumps({"type": "response.create", "model": "m", "input": "hi"})
        + "\n"
        + "".join(f"< {compact(event)}\n" for event in events)
        + 'Disconnected (code: 1000, reason: "")\n'
    ),
    "websocat": _lines(compact),
    "mitmdump": _mitmdump,
    "mitmdump, WebSocket": _lines(_mitmdump_socket),
    "HTTPie": _httpie,
    "SDK debug log": _sdk_debug,
    "fence": lambda events: f"# Bug\n\nThe `response.created` event is fine:\n\n```\n{sse(events)}```\n\nThanks!\n",
    "mail": _sse_lines(lambda line: f"> {line}".rstrip()),
    "mail, pretty": lambda events: "".join(
        f"> {line}\n" for e in events for line in json.dumps(e, indent=2).split("\n")
    ),
    "web page": lambda events: html.escape("\n".join(map(compact, events))),
    "typographer's quotes": lambda events: re.sub('"', "“", "\n".join(json.dumps(e) for e in events)).replace(
        "\\“", '\\"'
    ),
    "indented by no-break spaces": lambda events: "\n".join(
        json.dumps(e, indent=2).replace("\n  ", "\n\u00a0\u00a0") for e in events
    ),
    "numbered": _lines(lambda event: f"event: {compact(event)}"),
    "SDK repr, rich at 120": _lines(lambda model: _rich(model, 120), models),
    "SDK repr, rich text": _lines(lambda model: _rich(str(model).replace("[", "\\[")), models),
    "SDK repr, in a list": lambda events: f"{models(events)!r}\n",
    "SDK repr, labelled": _lines(lambda model: f"Event:\n{model}\n---", models),
    "SDK repr, loguru": _lines(lambda m: f"2026-09-01 10:00:00.123 | DEBUG    | app:run:12 - {m!r}", models),
    "SSE chunks, split characters": lambda events: "".join(
        f"{body[at : at + 61]!r}\n" for body in [sse(events).encode()] for at in range(0, len(body), 61)
    ),
    "structlog": _lines(lambda e: f"{ISO} [debug    ] sse event    [app] data={compact(e)!r} n=1"),
    "pino-pretty": _lines(
        lambda e: "[10:00:00.123] DEBUG (123): event\n" + textwrap.indent(f"evt: {json.dumps(e, indent=2)}", "    ")
    ),
    "winston": _lines(lambda e: json.dumps({"level": "debug", "message": e, "timestamp": ISO})),
    "zap": _lines(lambda e: f"{ISO}\tDEBUG\tapp/main.go:12\tevent\t{json.dumps({'data': compact(e)})}"),
    "logfmt": _lines(lambda e: f"ts={ISO} level=debug msg={json.dumps(compact(e), ensure_ascii=False)}"),
    "Rust's Debug": _lines(
        lambda e: f'Event {{ event: {json.dumps(e["type"])}, data: {json.dumps(compact(e))}, id: "", retry: None }}'
    ),
    "Loki": _loki,
    "Loki, newest first": lambda events: _loki(events, newest_first=True),
    "Datadog": _datadog,
    "CloudWatch": lambda events: json.dumps(
        {"events": [{"timestamp": 1, "message": line} for line in sse(events).splitlines()]}, indent=4
    ),
    "CSV": _csv,
    "chunks in JSON": lambda events: "".join(
        json.dumps({"t": at, "chunk": body[at : at + 97]}) + "\n"
        for body in [sse(events)]
        for at in range(0, len(body), 97)
    ),
    "journalctl -o json-pretty": _sse_lines(lambda line: json.dumps({"PRIORITY": "6", "MESSAGE": line}, indent=8)),
    "Ruby": _lines(_ruby),
    "Ruby before 3.4": _lines(lambda event: _ruby(event, old=True)),
    "Postman": _lines(lambda event: f"{compact(event)}\n10:00:00.123"),
    "cat -A": _sse_lines(lambda line: f"{line}$"),
    "SSE in a web page": lambda events: html.escape(sse(events)),
    "SSE escaped twice": lambda events: html.escape(html.escape(sse(events))),
    "mail, wrapped": _mail,
    "fence in a list": lambda events: f"1. run it\n\n    ~~~text\n{textwrap.indent(sse(events), '    ')}    ~~~\n",
    "name and the rest": _lines(
        lambda e: f"{e['type']} {compact({key: value for key, value in e.items() if key != 'type'})}"
    ),
    "dicts, single typographer's quotes": lambda events: "\n".join(repr(e).replace("'", "’") for e in events),
}
"""Forms that show all of each event."""

ENCODINGS = {
    "UTF-16 with a BOM": lambda text: text.encode("utf-16"),
    "UTF-16LE": lambda text: text.encode("utf-16-le"),
    "UTF-16BE": lambda text: text.encode("utf-16-be"),
    "UTF-8 with a BOM": lambda text: text.encode("utf-8-sig"),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
}


def node(events: Events, code: str) -> str | None:
    """What node prints for `code` with each event `e`; None where there is no node."""
    found = shutil.which("node")
    if found is None:
        return None
    given = json.dumps(events).encode("utf-8")
    return subprocess.run([found, "-e", _NODE + code], input=given, capture_output=True, check=True).stdout.decode()
