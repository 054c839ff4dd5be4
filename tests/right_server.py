"""A server of the Responses API that is right, over HTTP and WebSocket, and any one defect that a test plants in it.

tests/probe/test_outcomes.py names the defects. The model answers by heart, by the words of the question.
"""

import base64
import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit
from urllib.request import Request as UrlRequest
from urllib.request import urlopen

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as HandshakeRequest
from websockets.server import ServerProtocol

MODEL = "right-1"
CONTEXT = 10_000
"""Words."""
INCLUDES = {"message.output_text.logprobs", "reasoning.encrypted_content"}

type Json = dict[str, Any]


class Refused(Exception):  # noqa: N818
    """A request that the server doesn't take."""

    def __init__(self, status: int, message: str, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.status = status
        self.error = {"message": message, "type": "invalid_request_error", "code": code, "param": None}


class Plan(NamedTuple):
    """What the model says: items, each as (its finished JSON, its tokens)."""

    items: list[tuple[Json, list[str]]]


class RightServer:
    """Serves on a port of its own, until it is closed; with `defect`, one thing is wrong."""

    def __init__(self, defect: str = "", words: str = "overloaded") -> None:
        self.defect = defect
        self.words_of_errors = words
        self.responses: dict[str, tuple[Json, list[Json]]] = {}
        """What is stored: the response as it ended, and its events."""
        self.inputs: dict[str, list[Json]] = {}
        self.conversations: dict[str, list[Json]] = {}
        self.asked: list[str] = []
        """The methods and paths of all requests."""
        self.keys: set[str] = set()
        self.counts: dict[str, int] = {}
        self.hung = False
        """Whether a request waits for an answer that won't come."""
        self.ids = map("{:032x}".format, itertools.count(1))
        outer = self

        class Handler(_Handler):
            server_of = outer

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: object) -> None:
                """A client that has left is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Serve nobody any more."""
        self._server.shutdown()
        self._server.server_close()

    def has(self, defect: str) -> bool:
        return self.defect == defect

    def new(self, kind: str) -> str:
        return f"{kind}_{next(self.ids)}"

    def count(self, what: str) -> int:
        """How often something was asked for, this time included."""
        self.counts[what] = self.counts.get(what, 0) + 1
        return self.counts[what]

    # What is asked for

    def check(self, body: Any) -> None:
        """Raise Refused where a request is wrong."""
        if not isinstance(body, dict):
            raise Refused(400, "the body isn't a JSON object")
        if body.get("input") == "" and self.has("empty-crash"):
            raise Refused(500, "no input")
        for ok, message in (
            (isinstance(body.get("input"), str | list) or self.has("input-ignored"), "input must be a text or a list"),
            (body.get("input") != [], "input is empty"),
            (len(str(body.get("input")).split()) < CONTEXT, "the input is longer than the context"),
            (set(body.get("include") or ()) <= INCLUDES, "include has an unknown value"),
            (0 <= (body.get("temperature") or 0) <= 2, "temperature is out of range"),
            (not (body.get("background") and body.get("store") is False), "a background response must be stored"),
            (not (body.get("conversation") and body.get("previous_response_id")), "conversation and previous response"),
        ):
            if not ok:
                is_crash = self.has("overflow-crash") and message.startswith("the input is longer")
                raise Refused(500 if is_crash else 400, message)
        if body.get("model") != MODEL:
            raise Refused(404, f"there is no model {body.get('model')}", "model_not_found")
        self._check_tools(body)
        self._check_images(body["input"])

    def _check_tools(self, body: Json) -> None:
        for tool in body.get("tools") or ():
            if tool.get("type") not in ("function", "custom", "mcp"):
                raise Refused(400, "the type of a tool is unknown")
            if not tool.get("name") and tool["type"] != "mcp":
                raise Refused(500 if self.has("tool-crash") else 400, "a tool has no name")
            if tool["type"] == "function" and (tool.get("parameters") or {}).get("type") != "object":
                raise Refused(400, "parameters isn't a schema of an object")
            if tool["type"] == "custom" and self.has("custom-refused-in-stream"):
                raise Refused(200, "custom tools aren't supported")
        choice = body.get("tool_choice")
        if isinstance(choice, dict) and choice.get("name") not in {t.get("name") for t in body.get("tools") or ()}:
            raise Refused(400, "the forced tool isn't declared")

    def _check_images(self, given: Any) -> None:
        for message in given if isinstance(given, list) else ():
            for part in message.get("content") or () if isinstance(message.get("content"), list) else ():
                if url := part.get("image_url"):
                    if self.has("image-crash"):
                        raise Refused(500, "no images")
                    if not base64.b64decode(url.partition(",")[2]).startswith(b"\x89PNG"):
                        raise Refused(400, "the image is broken")

    def words(self, given: Any) -> str:
        """The last text of an input."""
        if isinstance(given, str):
            return given
        content = next((m.get("content", "") for m in reversed(given) if "content" in m), "")
        return content if isinstance(content, str) else " ".join(str(part.get("text", "")) for part in content)

    def plan(self, body: Json) -> Plan:
        """What the model says to a request."""
        words = self.words(body["input"])
        items: list[tuple[Json, list[str]]] = []
        if "think" in words and not self.has("no-reasoning"):
            items.append(self._reasoning(body))
        if body.get("context_management"):
            items.append(({"id": self.new("cmp"), "type": "compaction", "encrypted_content": "c2VhbGVk"}, []))
        items += self._remote(body)
        calls = self._calls(body, words)
        if "preamble" in words or not calls:
            items.append(self._message(body, words))
        items += calls
        return Plan(items)

    def _reasoning(self, body: Json) -> tuple[Json, list[str]]:
        tokens = ["I ", "must ", "greet."]
        item: Json = {"id": self.new("rs"), "type": "reasoning", "summary": []}
        is_wanted = bool((body.get("reasoning") or {}).get("summary")) and not self.has("no-summary")
        if is_wanted or self.has("summaries-unfinished"):
            item["summary"] = [{"type": "summary_text", "text": "".join(tokens)}]
        else:
            item["content"] = [{"type": "reasoning_text", "text": "".join(tokens)}]
        if "reasoning.encrypted_content" in (body.get("include") or ()):
            item["encrypted_content"] = "c2VhbGVk"
        return item, tokens

    def _remote(self, body: Json) -> Iterator[tuple[Json, list[str]]]:
        """The tools of a remote server, listed and called."""
        for tool in body.get("tools") or ():
            if tool["type"] == "mcp":
                label = {"server_label": tool["server_label"]}
                (listed,) = _rpc(tool["server_url"], "tools/list")["tools"]
                offered = {"name": listed["name"], "description": listed["description"], "annotations": None}
                offered["input_schema"] = listed["inputSchema"]
                yield {"id": self.new("mcpl"), "type": "mcp_list_tools", **label, "tools": [offered]}, []
                tokens = ['{"city"', ': "Paris"', "}"]
                asked = {"name": listed["name"], "arguments": json.loads("".join(tokens))}
                (content,) = _rpc(tool["server_url"], "tools/call", asked)["content"]
                call = {"id": self.new("mcp"), "type": "mcp_call", "status": "completed", **label}
                call |= {"name": listed["name"], "arguments": "".join(tokens), "output": content["text"]}
                yield call | {"error": None, "approval_request_id": None}, tokens

    def _calls(self, body: Json, words: str) -> list[tuple[Json, list[str]]]:
        tools = [tool for tool in body.get("tools") or [] if tool["type"] != "mcp"]
        choice = body.get("tool_choice", "auto")
        if not tools or (choice == "none" and not self.has("tool-none-ignored")):
            return []
        has_result = any(isinstance(m, dict) and m.get("type") == "function_call_output" for m in body["input"])
        if choice != "required" and (has_result or not ("weather" in words or isinstance(choice, dict))):
            return []
        named = [t for t in tools if not isinstance(choice, dict) or t["name"] == choice["name"]]
        if self.has("forced-ignored"):
            named = tools
        both = "parallel" in words and (body.get("parallel_tool_calls") is not False or self.has("parallel-ignored"))
        return [self._call(tool) for tool in (named if both else named[:1])]

    def _call(self, tool: Json) -> tuple[Json, list[str]]:
        call = self.new("call") if not self.has("same-call-id") else "call_1"
        common = {"status": "completed", "call_id": call, "name": tool["name"]}
        if tool["type"] == "custom":
            words = ["yes"] if "format" in tool and not self.has("grammar-ignored") else ["print", "(42)"]
            return {"id": self.new("ctc"), "type": "custom_tool_call", **common, "input": "".join(words)}, words
        tokens = ['{"city"', ': "Paris"', "}"] if not self.has("arguments-broken") else ['{"city"', ': "Par']
        return {"id": self.new("fc"), "type": "function_call", **common, "arguments": "".join(tokens)}, tokens

    def _message(self, body: Json, words: str) -> tuple[Json, list[str]]:
        tokens = ["Hello", "! ", "The ", "answer ", "is ", "42", "."]
        if "count from 1 to 200" in words:
            tokens = [f"{n}\n" for n in range(1, 201)]
        elif words.startswith("Repeat exactly: "):
            tokens = re.findall(r"\S+\s?", words.removeprefix("Repeat exactly: "))
        elif (format_ := ((body.get("text") or {}).get("format") or {}).get("type", "text")) != "text":
            tokens = ['{"city": ', '"Paris", ', '"temp": ', "21", "}"]
            tokens = ["not ", "json"] if self.has("format-ignored") else tokens
            tokens = (
                ['{"city": ', '"Paris"', "}"] if self.has("schema-ignored") and format_ == "json_schema" else tokens
            )
        limit = body.get("max_output_tokens")
        is_small = limit == 1
        if self.has("small-limit-ignored") and is_small:
            limit = None
        is_cut = limit is not None and len(tokens) > limit and not self.has("limit-ignored")
        tokens = tokens[:limit] if is_cut else tokens
        text = "".join(tokens)
        part = {"type": "output_text", "annotations": [], "logprobs": self._logprobs(body, tokens), "text": text}
        is_hidden = self.has("limit-hidden") or (self.has("small-limit-hidden") and is_small)
        status = "incomplete" if is_cut and not is_hidden else "completed"
        if self.has("json-cut") and tokens[0].startswith("{"):
            text, status = text[:9], "incomplete"
            tokens, part["text"] = [text], text
        item = {"id": self.new("msg"), "type": "message", "status": status, "content": [part], "role": "assistant"}
        return item, tokens

    def _logprobs(self, body: Json, tokens: list[str]) -> list[Json]:
        if "message.output_text.logprobs" not in (body.get("include") or ()):
            return []
        one = [{"token": token, "logprob": -0.1, "bytes": list(token.encode())} for token in tokens]
        return [entry | {"top_logprobs": [entry]} for entry in one]

    # What is answered

    def answer(self, body: Json, *, lane: str | None = None) -> list[Json]:
        """The events of the response to a request that is right; it is stored where that was asked for."""
        plan = Plan([]) if body.get("generate") is False and not self.has("warm-up-generates") else self.plan(body)
        response = self._response(body)
        events: list[Json] = []

        def add(type_: str, **members: Any) -> None:
            named = {} if lane is None or self.has("lanes-unnamed") else {"stream_id": lane}
            events.append({"type": f"response.{type_}", **members, "sequence_number": len(events), **named})

        add("created", response=dict(response))
        add("in_progress", response=dict(response))
        for index, (item, tokens) in enumerate(plan.items):
            _stream(add, item, tokens, self._index(index, item))
        self._finish(body, response, plan)
        if self.has("no-terminal") and "Repeat exactly" not in self.words(body["input"]):
            return events
        add("completed" if self.has("json-cut") else response["status"], response=response)
        events = [event for event in map(self._damaged, events) if event]
        for number, event in enumerate(events):
            event["sequence_number"] = number
        return events

    def _index(self, index: int, item: Json) -> int:
        return 0 if self.has("index-collision") and item["type"] == "function_call" else index

    def _finish(self, body: Json, response: Json, plan: Plan) -> None:
        items = [item for item, _ in plan.items]
        status = "incomplete" if any(item.get("status") == "incomplete" for item in items) else "completed"
        words, tokens = len(str(body["input"]).split()), sum(len(tokens) for _, tokens in plan.items)
        details = {"input_tokens_details": {"cached_tokens": 0}, "output_tokens_details": {"reasoning_tokens": 0}}
        total = words + tokens + self.has("usage-wrong")
        usage = {"input_tokens": words, "output_tokens": tokens, "total_tokens": total, **details}
        response |= {"status": status, "output": items, "usage": usage, "completed_at": int(time.time())}
        if status == "incomplete":
            response["incomplete_details"] = {"reason": "max_output_tokens"}

    def _damaged(self, event: Json) -> Json | None:
        """An event as the defect makes it; None where it is dropped."""
        kind = event["type"].removeprefix("response.")
        is_unfinished = self.has("summaries-unfinished") and kind == "reasoning_summary_text.done"
        if is_unfinished or kind in self.defect.removeprefix("drop:").split(","):
            return None
        if self.has("lost-character") and kind == "output_text.delta" and "🎉" in event["delta"]:
            return event | {"delta": event["delta"].replace("🎉", "\ufffd")}
        if self.has("compaction-left-open") and kind == "output_item.done" and event["item"]["type"] == "compaction":
            return None
        if self.has("logprobs-null") and kind in ("content_part.done", "output_item.done", "completed"):
            return dict(json.loads(json.dumps(event).replace('"logprobs": []', '"logprobs": null')))
        if kind == "output_text.done":
            changes = {"done-text-cut": {"text": event["text"][:-1]}, "logprobs-lost": {"logprobs": []}}
            return event | changes.get(self.defect, {})
        return event

    def _response(self, body: Json) -> Json:
        """A response as it begins, with what was asked for."""
        id_ = self.new("resp")
        if self.has("same-id") and "number" in self.words(body["input"]):
            id_ = "resp_same"
        echoed = {
            "instructions": None, "max_output_tokens": None, "metadata": {}, "parallel_tool_calls": True,
            "previous_response_id": None, "reasoning": {"effort": None, "summary": None}, "store": True,
            "temperature": 1.0, "text": {"format": {"type": "text"}}, "tool_choice": "auto", "tools": [], "top_p": 1.0,
            "truncation": "disabled", "user": None, "background": False, "service_tier": "default",
            "max_tool_calls": None, "top_logprobs": 0, "prompt_cache_key": None, "safety_identifier": None,
        }  # fmt: skip
        echoed |= {name: body[name] for name in echoed if name in body}
        if body.get("conversation"):
            echoed["conversation"] = {"id": self._conversation(body["conversation"])}
        if self.has("echo-wrong") and body.get("instructions"):
            echoed["instructions"] = "Answer at length."
        if self.has("echo-missing") and body.get("instructions"):
            echoed["instructions"] = None
        if self.has("unasked-left-out"):
            for name in {"temperature", "metadata", "instructions"} - body.keys():
                del echoed[name]
        if self.has("continuation-unnamed"):
            echoed["previous_response_id"] = None
        return {
            "id": id_, "object": "response", "created_at": int(time.time()), "status": "in_progress", "error": None,
            "incomplete_details": None, "model": MODEL, "output": [], "usage": None, **echoed,
        }  # fmt: skip

    def _conversation(self, given: Any) -> str:
        id_ = given["id"] if isinstance(given, dict) else given
        if id_ not in self.conversations:
            raise Refused(404, "there is no such conversation", "conversation_not_found")
        return str(id_)

    def keep(self, body: Json, events: list[Json]) -> None:
        """Store a response, and add it to its conversation."""
        response = events[-1]["response"]
        is_wanted = body.get("store") is True or (body.get("store") is None and not self.has("default-not-kept"))
        if is_wanted or self.has("always-stored"):
            self.responses[response["id"]] = response, events
            given = body["input"]
            self.inputs[response["id"]] = (
                given if isinstance(given, list) else [{"type": "message", "role": "user", "content": given}]
            )
        if body.get("conversation"):
            kept = self.conversations[self._conversation(body["conversation"])]
            kept += [{"type": "message", "role": "user"}, *response["output"]]

    def continued(self, id_: str | None, socket: dict[str, Json]) -> None:
        """Raise Refused where a response that is to be continued is unknown."""
        if id_ and id_ not in self.responses and id_ not in socket and not self.has("unknown-continued"):
            code = "not_found" if self.has("code-wrong") else "previous_response_not_found"
            raise Refused(400, f"there is no response {id_}", code)

    def check_results(self, body: Json, socket: dict[str, Json]) -> None:
        """Raise Refused where the result of a call is given that is neither in the input nor in the response before."""
        id_, given = body.get("previous_response_id"), body["input"]
        before = socket.get(id_) or self.responses.get(id_, ({}, []))[0] if id_ else {}
        items = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
        calls = [item for item in (*items, *before.get("output", ())) if item.get("type") == "function_call"]
        made = {call["call_id"] for call in calls}
        if any(item.get("type") == "function_call_output" and item["call_id"] not in made for item in items):
            raise Refused(400, "there is no such call")


def _stream(add: Any, item: Json, tokens: list[str], index: int) -> None:
    """The events of an item."""
    empty = {"arguments": "", "input": "", "content": [], "summary": [], "tools": [], "output": None}
    begun = item | {name: value for name, value in empty.items() if name in item}
    if item["type"] != "compaction":
        begun.pop("encrypted_content", None)
    if item["type"] == "reasoning":
        begun.pop("content", None)
    if "status" in item:
        begun["status"] = "in_progress"
    where = {"item_id": item["id"], "output_index": index}
    add("output_item.added", output_index=index, item=begun)
    if item["type"] in ("function_call", "custom_tool_call"):
        name = "arguments" if item["type"] == "function_call" else "input"
        kind = "function_call_arguments" if name == "arguments" else "custom_tool_call_input"
        for token in tokens:
            add(f"{kind}.delta", **where, delta=token)
        named = {"name": item["name"]} if name == "arguments" else {}
        add(f"{kind}.done", **where, **named, **{name: item[name]})
    elif item["type"].startswith("mcp"):
        _stream_remote(add, item, tokens, where)
    elif "encrypted_content" not in item or "summary" in item:
        _stream_part(add, item, tokens, where)
    add("output_item.done", output_index=index, item=item)


def _stream_remote(add: Any, item: Json, tokens: list[str], where: Json) -> None:
    add(f"{item['type']}.in_progress", **where)
    for token in tokens:
        add("mcp_call_arguments.delta", **where, delta=token)
    if tokens:
        add("mcp_call_arguments.done", **where, arguments=item["arguments"])
    add(f"{item['type']}.completed", **where)


def _rpc(url: str, method: str, params: Json | None = None) -> Any:
    """The result of a request to a tool server."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    with urlopen(UrlRequest(url, json.dumps(message).encode(), headers)) as answer:
        return json.load(answer)["result"]


def _stream_part(add: Any, item: Json, tokens: list[str], where: Json) -> None:
    is_summary = bool(item.get("summary"))
    part = item["summary"][0] if is_summary else item["content"][0]
    place = where | ({"summary_index": 0} if is_summary else {"content_index": 0})
    opened, kind = (
        ("reasoning_summary_part", "reasoning_summary_text") if is_summary else ("content_part", part["type"])
    )
    logprobs = part.get("logprobs", [])
    extra = {"logprobs": []} if "logprobs" in part else {}
    add(f"{opened}.added", **place, part=part | {"text": ""} | extra)
    for n, token in enumerate(tokens):
        add(f"{kind}.delta", **place, delta=token, **({"logprobs": logprobs[n : n + 1]} if extra else {}))
    add(f"{kind}.done", **place, text=part["text"], **({"logprobs": logprobs} if extra else {}))
    add(f"{opened}.done", **place, part=part)


class _Handler(BaseHTTPRequestHandler):
    server_of: RightServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def version_string(self) -> str:
        return "right/1.0"

    def do_POST(self) -> None:
        self._handle()

    def do_GET(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def _handle(self) -> None:
        server = self.server_of
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        server.asked.append(f"{self.command} {self.path}")
        server.keys.add(self.headers.get("authorization", ""))
        try:
            if server.has("dies") and len(server.asked) > 4:
                server.close()
                raise ConnectionAbortedError
            if server.has("key-expires") and len(server.asked) > 6:
                raise Refused(401, "the key has expired", "invalid_api_key")
            if (server.has("limits-soon") and len(server.asked) > 6) or server.has("limits-all"):
                raise Refused(429, "too many requests", "rate_limit_exceeded")
            if self.headers.get("upgrade", "").lower() == "websocket":
                self._upgrade()
                return
            self._route(raw)
        except Refused as refused:
            if refused.status == 200:
                self._events([{"type": "response.failed", "response": {"status": "failed", "error": refused.error}}])
            else:
                self._json(refused.status, {"error": refused.error})

    def _route(self, raw: bytes) -> None:
        server = self.server_of
        path = urlsplit(self.path).path.removeprefix("/v1")
        _, *parts = path.split("/")
        if path == "/models":
            self._json(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
        elif parts[0] == "conversations":
            self._conversations(parts[1:])
        elif parts[0] != "responses":
            raise Refused(404, "there is nothing here", "not_found")
        elif len(parts) == 1:
            self._create(self._parsed(raw))
        elif parts[1:] == ["input_tokens"]:
            words = len(str(self._parsed(raw)["input"]).split())
            self._json(200, {"object": "response.input_tokens", "input_tokens": words})
        elif parts[1:] == ["compact"]:
            item = {"id": server.new("cmp"), "type": "compaction", "encrypted_content": "c2VhbGVk"}
            self._json(200, {"id": server.new("resp"), "object": "response.compaction", "output": [item]})
        else:
            self._stored(parts[1], parts[2:])

    def _parsed(self, raw: bytes) -> Any:
        try:
            return json.loads(raw)
        except ValueError as error:
            if self.server_of.has("broken-json-taken"):
                return {"model": MODEL, "input": "", "stream": True}
            raise Refused(400, "the body isn't JSON") from error

    def _conversations(self, parts: list[str]) -> None:
        server = self.server_of
        if not parts:
            id_ = server.new("conv")
            server.conversations[id_] = []
            self._json(200, {"id": id_, "object": "conversation"})
        else:
            self._json(200, {"object": "list", "data": server.conversations[parts[0]]})

    def _stored(self, id_: str, parts: list[str]) -> None:
        server = self.server_of
        if server.has("no-store") or id_ not in server.responses:
            raise Refused(404, f"there is no response {id_}", "not_found")
        response, events = server.responses[id_]
        query = parse_qs(urlsplit(self.path).query)
        if parts == ["cancel"]:
            if not response["background"] and not server.has("cancels-anything"):
                raise Refused(400, "only background responses can be cancelled")
            self._json(200, response)
        elif parts == ["input_items"]:
            self._json(200, {"object": "list", "data": server.inputs[id_], "has_more": False})
        elif self.command == "DELETE":
            if not server.has("delete-ignored"):
                del server.responses[id_]
            said = {"you": self.headers["authorization"]} if server.has("key-repeated") else {}
            self._json(200, {"id": id_, "object": "response.deleted", "deleted": True, **said})
        elif query.get("stream") == ["true"]:
            after = int(query.get("starting_after", ["-1"])[0]) - server.has("resume-early")
            if server.has("resume-late"):
                time.sleep(1.2)
            if after > len(events) and server.has("resume-crash"):
                raise Refused(500, "no such event")
            self._events([event for event in events if event["sequence_number"] > after])
        else:
            changed = {"metadata": {"changed": "yes"}} if server.has("retrieve-differs") else {}
            self._json(200, response | changed)

    def _create(self, body: Any) -> None:
        server = self.server_of
        server.check(body)
        server.continued(body.get("previous_response_id"), {})
        server.check_results(body, {})
        if body.get("conversation"):
            server._conversation(body["conversation"])
        self._misbehave(body)
        events = server.answer(body)
        if "response" in events[-1]:
            server.keep(body, events)
        if body.get("stream") or server.has("always-streams"):
            self._events(events)
        else:
            response = dict(events[-1]["response"])
            if server.has("body-member-missing"):
                del response["user"]
            if server.has("body-reasons"):
                for item in response["output"]:
                    part = {"type": "reasoning_text", "text": item["content"][0]["text"]}
                    item.update(type="reasoning", summary=[], content=[part])
            if server.has("body-other-items"):
                response["output"] = [{"id": "rs_1", "type": "reasoning", "summary": []}, *response["output"]]
            self._json(200, response)

    def _misbehave(self, body: Json) -> None:
        """Do what is wrong with some request, if that is the defect."""
        server, words = self.server_of, self.server_of.words(body["input"])
        is_marked = bool((body.get("text") or {}).get("verbosity"))
        if server.has("hang") and is_marked:
            server.hung = True
            time.sleep(600)
        if server.has("cut") and is_marked:
            self._events(server.answer(body)[:4], end=False)
            self.close_connection = True
            raise ConnectionAbortedError
        if server.has("limited") and is_marked:
            raise Refused(429, "too many requests", "rate_limit_exceeded")
        if server.has("flaky") and is_marked and server.count("flaky") % 2:
            raise Refused(503, server.words_of_errors)
        if server.has("slow-once") and is_marked and server.count("slow") == 1:
            time.sleep(600)
        if server.has("dies-of-abort") and "exactly: ok" in words and server.counts.get("long", 0) > 1:
            raise Refused(500, "still busy")
        if "count from 1" in words:
            server.count("long")

    def _json(self, status: int, document: Json) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _events(self, events: list[Json], *, end: bool = True) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/plain" if self.server_of.has("plain-text") else "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            data = f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        if end:
            self.wfile.write(b"0\r\n\r\n")

    # WebSocket mode

    def _upgrade(self) -> None:
        if self.server_of.has("no-websocket"):
            raise Refused(426, "no WebSocket here")
        protocol = ServerProtocol()
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        protocol.receive_data(f"GET {self.path} HTTP/1.1\r\n{lines}\r\n".encode())
        (request,) = protocol.events_received()
        assert isinstance(request, HandshakeRequest)
        protocol.send_response(protocol.accept(request))
        self.close_connection = True
        known: dict[str, Json] = {}
        if self.server_of.counts.pop("binary", 0):
            self._send(protocol)
            return
        for first, message in enumerate(self._messages(protocol)):
            for event in self._socket_events(message, known):
                if self.server_of.has("socket-numbers-on") and "sequence_number" in event:
                    event["sequence_number"] += first
                protocol.send_text(json.dumps(event).encode())
                self._send(protocol)
                if self.server_of.has("closes-without-model") and "no model" in json.dumps(event.get("error")):
                    return

    def _messages(self, protocol: ServerProtocol) -> Iterator[bytes]:
        """The messages of a client, until it closes the socket; a binary one is as good as none."""
        self._send(protocol)
        while data := self.rfile.read1(65536):
            protocol.receive_data(data)
            for frame in protocol.events_received():
                if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
                    yield frame.data
                elif isinstance(frame, Frame) and frame.opcode is Opcode.BINARY:
                    if self.server_of.has("dies-of-binary"):
                        self.server_of.count("binary")
                    yield b""
            self._send(protocol)

    def _send(self, protocol: ServerProtocol) -> None:
        for data in protocol.data_to_send():
            self.wfile.write(data)

    def _socket_events(self, message: bytes, known: dict[str, Json]) -> Iterator[Json]:
        server = self.server_of
        try:
            body = json.loads(message)
            if body.get("type") == "response.steer" and not server.has("no-steering"):
                where = {"id": server.new("steer"), "previous_response_id": body["previous_response_id"]}
                yield {"type": "response.steer.accepted", "sequence_number": 0, "steer": where}
                body |= {"type": "response.create", "model": MODEL}
            if body.get("type") != "response.create":
                raise Refused(400, f"there is no event {body.get('type')}")
            server.check(body)
            if isinstance(body["input"], str) and server.has("socket-wants-list"):
                raise Refused(400, "input must be a list")
            server.continued(body.get("previous_response_id"), known)
            server.check_results(body, known)
            events = server.answer(body, lane=body.get("stream_id"))
        except ValueError:
            yield _socket_error(Refused(400, "the message isn't JSON"))
        except Refused as refused:
            if not server.has("failed-kept"):
                known.pop(body.get("previous_response_id"), None)
            yield _socket_error(refused)
        else:
            response = events[-1]["response"]
            known[response["id"]] = response
            server.keep(body, events)
            yield from events


def _socket_error(refused: Refused) -> Json:
    return {"type": "error", "status": refused.status, "error": refused.error}
