"""A tool server (MCP) on loopback, for servers that call tools by themselves."""

import json
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from responses_tap.self_closing import SelfClosing

_VERSION = "2025-06-18"
_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
_TOOL = {"name": "get_weather", "description": "Get the weather of a city", "inputSchema": _SCHEMA}
_POLL_SECONDS = 0.02


class ToolServer(SelfClosing):
    """Offers one tool, `get_weather`, on a port of its own until it is closed.

    It speaks the streamable HTTP of the Model Context Protocol (2025-06-18, Transports), with a JSON body for each
    request and no session.
    """

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/mcp"
        threading.Thread(target=self._server.serve_forever, args=(_POLL_SECONDS,), daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        """Refuse a stream of the server's own messages: there are none."""
        self._reply(HTTPStatus.METHOD_NOT_ALLOWED)

    do_DELETE = do_GET  # noqa: N815 (as the base class calls it)

    def do_POST(self) -> None:
        """Answer one JSON-RPC message; a notification gets no answer."""
        try:
            message = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        except ValueError:
            self._reply(HTTPStatus.BAD_REQUEST)
            return
        if not isinstance(message, dict) or "id" not in message:
            self._reply(HTTPStatus.ACCEPTED)
            return
        self._reply(HTTPStatus.OK, {"jsonrpc": "2.0", "id": message["id"], **_outcome(message)})

    def _reply(self, status: HTTPStatus, document: Mapping[str, Any] | None = None) -> None:
        content = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        if content:
            self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _outcome(message: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a request, or its error."""
    asked = message.get("params") or {}
    results: dict[object, dict[str, Any]] = {
        "initialize": {
            "protocolVersion": asked.get("protocolVersion", _VERSION),
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "responses-tap", "version": "1"},
        },
        "ping": {},
        "tools/list": {"tools": [_TOOL]},
        "tools/call": {"content": [{"type": "text", "text": "21 degrees"}], "isError": False},
    }
    result = results.get(message.get("method"))
    return {"error": {"code": -32601, "message": "there is no such method"}} if result is None else {"result": result}
