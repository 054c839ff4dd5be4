"""The tool server that the probe runs for servers on the same machine."""

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from responses_tap_viewer.probe.tool_server import ToolServer


def ask(tools: ToolServer, content: bytes | None, method: str = "POST") -> tuple[int, Any]:
    """The status and the document that answers a request."""
    try:
        with urlopen(Request(tools.url, content, method=method)) as answer:
            body = answer.read()
            return answer.status, json.loads(body) if body else None
    except HTTPError as error:
        error.close()
        return error.code, None


def message(method: str, **members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, **members}).encode()


def test_a_client_can_begin_list_and_call() -> None:
    with ToolServer() as tools:
        status, begun = ask(tools, message("initialize", id=0, params={"protocolVersion": "2025-03-26"}))
        assert (status, begun["id"]) == (200, 0)
        assert begun["result"]["protocolVersion"] == "2025-03-26"
        assert ask(tools, message("notifications/initialized")) == (202, None)
        _, listed = ask(tools, message("tools/list", id="a"))
        (tool,) = listed["result"]["tools"]
        _, called = ask(tools, message("tools/call", id=2, params={"name": tool["name"], "arguments": {}}))
        assert called["result"]["content"] == [{"type": "text", "text": "21 degrees"}]


@pytest.mark.parametrize(
    ("content", "method", "status"),
    [(None, "GET", 405), (None, "DELETE", 405), (b"{", "POST", 400), (b"[]", "POST", 202)],
)
def test_what_it_does_not_offer(content: bytes | None, method: str, status: int) -> None:
    with ToolServer() as tools:
        assert ask(tools, content, method) == (status, None)


def test_an_unknown_method_is_an_error_of_the_protocol() -> None:
    with ToolServer() as tools:
        assert ask(tools, message("resources/list", id=1))[1]["error"]["code"] == -32601
