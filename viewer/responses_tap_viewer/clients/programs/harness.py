"""What the Python drivers share: requests come in on standard input, answers go out on standard output.

A request is a line of JSON: `{"base_url", "tools": [names]}`. The answer to it is one, too: `{"client", "version",
"outcome": "ok" | "raised", "error", "text", "reasoning", "tool_calls": [{"id", "name", "arguments"}], "usage":
{"input_tokens", "output_tokens"} | null}`. Before the first request comes a line `{"client", "version"}`.

This file runs in the client's own environment, so that it imports nothing of the project's.
"""

import asyncio
import inspect
import json
import os
import sys
from importlib.metadata import version

MODEL = "gpt-5.1"
KEY = "none"


class DriverAnswer:
    """What a client has delivered so far."""

    def __init__(self):
        self.text = ""
        self.reasoning = ""
        self.tool_calls = []
        self.usage = None

    def call(self, id_, name, arguments):
        """Note a call of a tool; its arguments are a JSON object or the text that the client has."""
        self.tool_calls.append({"id": id_, "name": name, "arguments": arguments})

    def used(self, input_tokens, output_tokens):
        """Note the usage."""
        self.usage = {"input_tokens": input_tokens, "output_tokens": output_tokens}

    def response(self, response):
        """Note all that a response object of openai-python has."""
        for item in response.output:
            if item.type == "message":
                self.text += "".join(part.text for part in item.content if part.type == "output_text")
            elif item.type == "reasoning":
                self.reasoning += "".join(part.text for part in [*(item.summary or []), *(item.content or [])])
            elif item.type == "function_call":
                self.call(item.call_id, item.name, item.arguments)
            elif item.type == "custom_tool_call":
                self.call(item.call_id, item.name, item.input)
        if response.usage is not None:
            self.used(response.usage.input_tokens, response.usage.output_tokens)


def serve(client, package, run):
    """Answer each request by `run(answer, base_url, tools)`, a function or a coroutine function."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass")
    os.dup2(2, 1)  # what a library prints isn't an answer
    named = {"client": client, "version": version(package)}
    _print(out, named)
    for line in sys.stdin:
        request = json.loads(line)
        answer, outcome, error = DriverAnswer(), "ok", None
        try:
            done = run(answer, request["base_url"], request["tools"])
            if inspect.isawaitable(done):
                asyncio.run(_awaited(done))
        except Exception as raised:
            outcome, error = "raised", f"{type(raised).__name__}: {raised}"
        _print(out, {**named, "outcome": outcome, "error": error, **vars(answer)})


async def _awaited(done):
    await done


def _print(out, value):
    out.write(json.dumps(value, default=str) + "\n")
    out.flush()
