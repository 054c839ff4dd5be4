"""Requests with their responses, in a HAR and as the recorder sees them."""

import json
import time
from typing import Any

from click.testing import CliRunner, Result
from tests.feeding import FeedLoop

from responses_tap.recorder.messages import EndedBy, EndingMessage, RequestMessage, ResponseMessage
from responses_tap_viewer.cli import main


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run the program."""
    return CliRunner().invoke(main, [*map(str, arguments)], input=stdin, catch_exceptions=False)


def har(*entries: tuple[str, int, str, bytes, dict[str, Any] | None]) -> dict[str, Any]:
    """A HAR of these: (path, status, content type, body, request)."""
    return {
        "log": {
            "version": "1.2",
            "entries": [
                {
                    "startedDateTime": "2026-11-02T10:00:00Z",
                    "time": 5,
                    "request": {
                        "method": "POST",
                        "url": f"https://h{path}",
                        "headers": [],
                        "postData": {"text": "" if asked is None else json.dumps(asked)},
                    },
                    "response": {
                        "status": status,
                        "headers": [{"name": "Content-Type", "value": kind}],
                        "content": {"text": content.decode(), "mimeType": kind},
                    },
                }
                for path, status, kind, content, asked in entries
            ],
        }
    }


def play(
    feeder: FeedLoop, status: int | None, kind: str, data: bytes, asked: Any, ended_by: EndedBy = "server"
) -> None:
    """Pass one exchange to the recorder."""
    request = RequestMessage(
        "POST",
        "http://h/v1/responses",
        "h",
        "HTTP/1.1",
        [],
        "2026-11-23T08:00:00.000000Z",
        True,
        json.dumps(asked).encode(),
    )
    tap = feeder.open(request, time.monotonic_ns())
    if status is not None:
        tap.response(ResponseMessage(status, [("Content-Type", kind)]))
    if data:
        tap.chunk(data)
    tap.end(EndingMessage(ended_by, "it ended", complete=ended_by == "server"))
