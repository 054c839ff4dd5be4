"""WebSocket mode: the requests and events of several responses over one socket."""

import json
import time
from collections.abc import Mapping, Sequence

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from responses_tap.protocol.grammar import TERMINALS
from responses_tap.self_closing import SelfClosing
from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.client import MARKER, Patience, ProbeClient
from responses_tap_viewer.probe.scenario import ScenarioStep

_BETA = {"openai-beta": "responses_websockets=2026-02-06"}
_ENDS = TERMINALS | {"error"}
_SWITCHED = 101


class Sockets(SelfClosing):
    """The sockets of one run of a scenario, by the names that its steps give them; closed at its end."""

    def __init__(self, client: ProbeClient, mark: str) -> None:
        self._client = client
        self._mark = mark
        self._open: dict[str, ClientConnection] = {}

    def close(self) -> None:
        """Close those that are still open."""
        for socket in self._open.values():
            socket.close()

    def mark(self, name: str) -> str:
        """What the handshake of a socket is marked with."""
        return f"{self._mark}/{name}"

    def ask(self, step: ScenarioStep, messages: Sequence[str | bytes], waits: Patience) -> list[Answer]:
        """The answers to messages that are sent at once; never raises, whatever the server does."""
        began = time.monotonic()
        got: list[bytes] = []
        trouble, timed_out = "", False
        try:
            socket = self._socket(step.socket, waits)
            for message in messages:
                socket.send(message)
            self._receive(socket, got, step, waits, responses=len(messages) * step.ends)
            if step.leave_after is not None:
                self._open.pop(step.socket).close()
        except InvalidStatus as error:
            response = error.response
            headers = {name.lower(): value for name, value in response.headers.raw_items()}
            return [Answer(response.status_code, headers, response.body or b"", upgrade_refused=True)]
        except TimeoutError:
            has_ended = any(_type(message) in _ENDS for message in got)
            if not step.may_be_ignored and not (step.ends > 1 and has_ended):
                trouble, timed_out = "the response over the WebSocket didn't end in time", True
        except ConnectionClosed as error:
            trouble = "" if step.may_be_ignored else f"the server closed the WebSocket: {error}"
        except (InvalidHandshake, InvalidMessage, WebSocketException, OSError) as error:
            trouble = f"the WebSocket broke: {error}"
        took = time.monotonic() - began
        parts = _by_response(got, len(messages))
        return [Answer(_SWITCHED, took_s=took, trouble=trouble, timed_out=timed_out, messages=part) for part in parts]

    def _socket(self, name: str, waits: Patience) -> ClientConnection:
        if name not in self._open:
            url = f"ws{self._client.base.removeprefix('http')}/responses"
            headers = {**self._client.headers, **_BETA, MARKER: self.mark(name)}
            # The recorder is on this machine: no proxy of the environment.
            self._open[name] = connect(
                url,
                additional_headers=headers,
                proxy=None,
                compression=None,
                max_size=None,
                open_timeout=waits.idle,
                close_timeout=1,
                # A server that is busy generating may answer no ping for long: the deadlines of answers are enough.
                ping_interval=None,
            )
        return self._open[name]

    def _receive(
        self, socket: ClientConnection, got: list[bytes], step: ScenarioStep, waits: Patience, *, responses: int
    ) -> None:
        """Take messages until that many responses have ended, or as many messages as the step wants."""
        end = time.monotonic() + waits.total
        enough = step.leave_after or step.follow_after
        while responses:
            left = min(waits.idle, end - time.monotonic())
            got.append(socket.recv(timeout=max(left, 0), decode=False))
            if enough is not None and len(got) >= enough:
                return
            responses -= _type(got[-1]) in _ENDS


def _by_response(messages: Sequence[bytes], responses: int) -> list[list[bytes]]:
    """The messages of each response: by their lane where they name one, else one response after the other."""
    lanes: dict[object, list[bytes]] = {}
    for message in messages:
        lanes.setdefault(_event(message).get("stream_id"), []).append(message)
    if len(lanes) == responses:
        return list(lanes.values())
    parts: list[list[bytes]] = [[] for _ in range(responses)]
    n = 0
    for message in messages:
        parts[min(n, responses - 1)].append(message)
        n += _type(message) in _ENDS
    return parts


def _event(message: bytes) -> Mapping[str, object]:
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _type(message: bytes) -> object:
    return _event(message).get("type")
