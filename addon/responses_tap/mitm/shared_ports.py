"""Ports on which several processes accept connections, each taking those that it has time for.

They share listening sockets rather than bind a port each with SO_REUSEPORT: where that exists, the kernel spreads
connections blindly, and those that wait for a process are lost when it is killed.
"""

import asyncio
import json
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from mitmproxy.proxy.mode_specs import ProxyMode

_AT_ONCE = 1
"""Connections that a process accepts before the others get a chance: asyncio would take all that wait."""
_WAITING = 1024


class ProxySettings(NamedTuple):
    """What one of the processes does, as its parent tells it in a line of JSON."""

    db: str
    upstream: str
    host: str
    port: int
    modes: list[str]
    options: dict[str, Any]
    """Further ones of mitmproxy and the addon."""
    ports: list[tuple[int, int]]
    """The ports that are shared, each with the descriptor of its socket."""

    @property
    def descriptors(self) -> dict[int, int]:
        """The descriptors by port."""
        return dict(self.ports)

    def encode(self) -> bytes:
        """The line, with its end."""
        return json.dumps(self).encode() + b"\n"

    @classmethod
    def decode(cls, line: str) -> Self:
        """The settings in a line."""
        return cls(*json.loads(line))


class SharedPorts:
    """The listening sockets for mitmproxy's modes.

    A mode without a host or port of its own takes that of `listen`. ValueError for a mode without a port that can be
    shared, OSError for a port in use, with the address as its message.
    """

    def __init__(self, modes: Sequence[str], listen: tuple[str, int]) -> None:
        self._sockets: dict[int, socket.socket] = {}
        host, self.port = listen
        """The port of modes without one of their own: the given one, or a free one in place of 0."""
        try:
            for mode in map(ProxyMode.parse, modes):
                port = mode.listen_port(self.port)
                if port is None or mode.transport_protocol == "udp" or mode.custom_listen_port == 0:
                    raise ValueError(f"several processes cannot share the mode {mode.type_name}, which has no TCP port")
                bound = self._bind(mode.listen_host(host), port)
                self.port = bound if mode.custom_listen_port is None else self.port
        except BaseException:
            self.close()
            raise

    @property
    def descriptors(self) -> list[tuple[int, int]]:
        """Each port with the descriptor of its socket, for other processes to inherit."""
        return [(port, listening.fileno()) for port, listening in self._sockets.items()]

    def lengthen_queues(self) -> None:
        """Let more connections wait: each process has shortened the queues to what it accepts at once."""
        for listening in self._sockets.values():
            listening.listen(_WAITING)

    def close(self) -> None:
        """Leave the ports to the other processes."""
        for listening in self._sockets.values():
            listening.close()

    def _bind(self, host: str, port: int) -> int:
        if port in self._sockets:
            return port
        try:
            listening = socket.create_server((host, port), family=_family(host), backlog=_WAITING)
        except OSError as error:
            raise OSError(error.errno, f"{host}:{port}") from error
        bound: int = listening.getsockname()[1]
        self._sockets[bound] = listening
        return bound


def _family(host: str) -> int:
    found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return found[0][0]


class SharedPortsLoop(asyncio.SelectorEventLoop):
    """An event loop whose servers accept on sockets that listen already; `descriptors` are theirs, by port."""

    def __init__(self, descriptors: Mapping[int, int]) -> None:
        super().__init__()
        self._descriptors = descriptors

    async def create_server(self, protocol_factory: Any, host: Any = None, port: Any = None, **more: Any) -> Any:  # noqa: ANN401 (as asyncio has it)
        """As asyncio's, but for the shared ports."""
        if port not in self._descriptors:
            return await super().create_server(protocol_factory, host, port, **more)
        listening = socket.socket(fileno=os.dup(self._descriptors[port]))
        return await super().create_server(protocol_factory, sock=listening, backlog=_AT_ONCE, **more)
