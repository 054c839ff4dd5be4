"""A HAR with a distinct word or number in every place where there can be something of the user's."""

import json
import re
from collections.abc import Iterator
from itertools import count
from typing import Any

from tests.conftest import body

_NUMBER = 700_012_345
"""The first number; the following ones have nine digits, too, and are far apart."""


class Canaries:
    """Gives words and numbers that stand nowhere else, and finds those that a text has let through."""

    def __init__(self) -> None:
        self._n: Iterator[int] = count()
        self.planted: set[str] = set()

    def word(self, beginning: str = "") -> str:
        """A word without digits, which rules for tokens would take for one."""
        letters = "".join(chr(ord("a") + int(digit)) for digit in f"{next(self._n):04}")
        self.planted.add(f"Kenar{letters}Vogel")
        return f"{beginning}Kenar{letters}Vogel"

    def number(self) -> int:
        """A number of nine digits."""
        number = _NUMBER + 7919 * next(self._n)
        self.planted.add(str(number))
        return number

    def fraction(self) -> float:
        """A number below one."""
        digits = f"{self.number()}"
        self.planted.add(digits)
        return float(f"0.{digits}")

    def passed(self, text: str) -> set[str]:
        """Those that are in a text."""
        found = re.findall(r"Kenar[a-j]{4}Vogel|[7-9]\d{8}", text)
        return self.planted.intersection(found)


def _tools(c: Canaries) -> list[dict[str, Any]]:
    schema = {
        "type": "object",
        "properties": {c.word(): {"type": "string", "enum": [c.word(), c.number()], "const": c.word()}},
        "required": [c.word()],
        "$defs": {c.word(): {"status": c.word()}},
    }
    return [
        {"type": "function", "name": c.word(), "description": c.word(), "parameters": schema},
        {
            "type": "mcp",
            "server_label": c.word(),
            "server_url": f"https://{c.word()}.example/",
            "headers": {c.word(): c.word()},
        },
        {"type": "web_search", "user_location": {"city": c.word()}, "filters": {"allowed_domains": [c.word()]}},
        {"type": c.word(), c.word(): [c.word(), {c.word(): c.number()}]},
    ]


def _response(c: Canaries, id_: str, status: str, tools: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": id_, "object": "response", "created_at": c.number(), "completed_at": c.number(), "status": status,
        "error": None, "incomplete_details": {"reason": c.word()}, "instructions": c.word(),
        "max_output_tokens": c.number(), "model": c.word(), "output": [], "parallel_tool_calls": True,
        "temperature": c.fraction(), "tool_choice": {"type": "function", "name": c.word()}, "tools": tools,
        "top_p": c.fraction(), "metadata": {c.word(): c.word(), "status": c.word()}, "service_tier": c.word(),
        "truncation": c.word(), "previous_response_id": c.word("resp_"), "prompt": {"id": c.word(),
         "version": c.word()},
        "reasoning": {"effort": c.word(), "summary": c.word()}, "user": c.word(), "safety_identifier": c.word(),
        "usage": {"input_tokens": c.number(), "output_tokens": c.number(), "total_tokens": c.number(),
         c.word(): c.number()},
        c.word(): c.number(), "x_list": [[c.word()], {"role": c.word()}], "conversation": {"id": c.word("conv_")},
    }  # fmt: skip


def _item(c: Canaries, type_: str, **fields: object) -> dict[str, Any]:
    return {
        "type": type_,
        "id": c.word(),
        "status": c.word(),
        "name": c.word(),
        **fields,
        c.word(): {c.word(): c.number()},
    }


def events(c: Canaries) -> list[dict[str, Any]]:
    """The events of a stream that is right in some places and wrong in others."""
    id_, message, tools = c.word("resp_"), c.word("msg_"), _tools(c)
    place = {"item_id": message, "output_index": 0, "content_index": 0}
    text = c.word()
    logprobs = [
        {"token": c.word(), "logprob": -c.fraction(), "bytes": [c.number()], "top_logprobs": [{"token": c.word()}]}
    ]
    items = [
        _item(c, "function_call", call_id=c.word("call_"), arguments=json.dumps({c.word(): [c.word(), c.number()]})),
        _item(c, "reasoning", summary=[{"type": "summary_text", "text": c.word()}], encrypted_content=c.word()),
        _item(c, "image_generation_call", result=c.word(), revised_prompt=c.word(), size=c.word()),
        _item(
            c, "computer_call", action={"type": c.word(), "x": c.number()}, pending_safety_checks=[{"code": c.word()}]
        ),
        _item(c, "code_interpreter_call", code=c.word(), container_id=c.word("cntr_"), outputs=[{"logs": c.word()}]),
        _item(c, "mcp_call", server_label=c.word(), error={"code": c.number(), "message": c.word()}),
        _item(
            c, "file_search_call", queries=[c.word()], results=[{"score": c.fraction(), "attributes": {c.word(): 1}}]
        ),
        _item(c, "web_search_call", action={"query": c.word(), "sources": [{"url": c.word()}]}),
        _item(c, c.word()),
    ]
    annotation = {"type": c.word(), "url": f"https://{c.word()}.example", "title": c.word(), "start_index": c.number()}
    made: list[dict[str, Any]] = [
        {"type": "response.created", "response": _response(c, id_, "in_progress", tools)},
        {"type": "response.output_item.added", "output_index": 0,
         "item": {"id": message, "type": "message", "status": "in_progress", "role": c.word(), "content": [],
          "phase": c.word()}},
        {"type": "response.content_part.added", **place, "part": {"type": "output_text", "text": "",
         "annotations": [], "logprobs": []}},
        *({"type": "response.output_text.delta", **place, "delta": piece, "logprobs": logprobs,
         "obfuscation": c.word()} for piece in (text[:6], text[6:])),
        {"type": "response.output_text.annotation.added", **place, "annotation_index": 0, "annotation": annotation},
        {"type": "response.output_text.done", **place, "text": text, "logprobs": logprobs},
        {"type": "response.content_part.done", **place, "part": {"type": "output_text", "text": c.word(),
         "annotations": [annotation]}},
        *({"type": "response.output_item.added", "output_index": n, "item": item} for n, item in enumerate(items, 1)),
        {"type": "response.function_call_arguments.delta", "item_id": c.word(), "output_index": 1,
         "delta": f'{{"{c.word()}":'},
        {"type": f"response.{c.word()}", c.word(): c.word()},
        {"type": f"{c.word()}:event", "output_index": str(c.number()), "sequence_number": c.word()},
        {"type": "response.audio.delta", "delta": c.word()},
        {"type": "response.image_generation_call.partial_image", "output_index": 3, "item_id": c.word(),
         "partial_image_b64": c.word()},
        {"type": "error", "code": c.word(), "message": c.word(), "param": c.word(), "error": {"type": c.word(),
         "code": c.word()}},
        {"type": "response.failed", "response": _response(c, id_, "failed", tools) | {"error": {"code": c.word(),
         "message": c.word()}}},
    ]  # fmt: skip
    return [{"sequence_number": n} | event for n, event in enumerate(made)]


def stream(c: Canaries) -> bytes:
    """Its body, with everything beside events that an event stream can hold."""
    cyrillic = "Канарейка".encode("cp1251")
    return (
        f": {c.word()}\n\n{c.word()}: x\nfoo: {c.word()}\n{c.word()}\n".encode()
        + f"id: {c.number()}\nretry: {c.number()}\n\n".encode()
        + body(*events(c))
        + f"event: {c.word()}\n\nevent: {c.word()}\ndata: {{}}\n\ndata: not json {c.word()} {c.number()}\n\n".encode()
        + f'data: ["{c.word()}"]\n\ndata: "{c.word()}"\n\ndata: {c.number()}\n\ndata: [{c.word()}]\n\n'.encode()
        + f'data: {{"type":"x","{c.word()}":\ndata: "{c.word()}", "{c.word()}": {c.number()}\n\n'.encode()
        + f"data: {{'type': '{c.word()}', 'sequence_number': {c.word()}}}\n\n".encode()
        + b'data: {"type":"response.' + c.word().encode() + b'","delta":"' + cyrillic + b'"}\n\n'
        + f"data: [DONE] \n\ndata: [DONE]\n\n: {c.word()}\n\ndata: {c.word()}".encode()
    )  # fmt: skip


def har(c: Canaries) -> dict[str, Any]:
    """The HAR; the words of its own that are not planted are those that no export can do without."""
    headers = [
        {"name": name, "value": value, "comment": c.word()}
        for name, value in (
            ("User-Agent", c.word()), ("Accept", c.word()), ("Content-Type", f"application/json; x={c.word()}"),
            ("Via", c.word()), ("traceparent", c.word()), (c.word(), c.word()), ("X-Number", str(c.number())),
            ("Accept-Encoding", c.word()), ("x-stainless-os", c.word()), ("OpenAI-Beta", c.word()),
        )
    ]  # fmt: skip
    query = f"api-version={c.word()}&stream={c.word()}&{c.word()}={c.word()}"
    url = f"https://{c.word()}.example:8443/{c.word()}/v1/responses?{query}#{c.word()}"
    answered = [
        {"name": name, "value": value}
        for name, value in (
            ("Content-Type", f"text/event-stream; x={c.word()}"), ("Server", c.word()), ("Via", c.word()),
            ("X-Request-Id", c.word()), ("Transfer-Encoding", c.word()), ("Content-Encoding", "identity"),
            ("OpenAI-Version", c.word()), (c.word(), c.word()), ("x-ratelimit-remaining", str(c.number())),
        )
    ]  # fmt: skip
    posted = {
        "model": c.word(),
        "input": c.word(),
        "metadata": {c.word(): c.word()},
        "tools": _tools(c),
        c.word(): c.number(),
    }
    entry = {
        "startedDateTime": "2026-01-01T00:00:00Z",
        "time": 5,
        "comment": c.word(),
        "_custom": {c.word(): c.number()},
        "serverIPAddress": c.word(),
        "request": {
            "method": c.word(), "url": url, "httpVersion": c.word(), "headers": headers,
             "cookies": [{"name": c.word()}],
            "queryString": [{"name": c.word(), "value": c.word()}],
            "postData": {"mimeType": c.word(), "text": json.dumps(posted)},
        },
        "response": {
            "status": 200, "statusText": c.word(), "httpVersion": c.word(), "headers": answered,
             "redirectURL": c.word(),
            "content": {"mimeType": f"text/event-stream; {c.word()}", "text": stream(c).decode("latin-1")},
        },
    }  # fmt: skip
    return {"log": {"version": "1.2", "creator": {"name": c.word(), "version": c.word()}, "entries": [entry]}}
