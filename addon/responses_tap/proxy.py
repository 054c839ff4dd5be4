"""Starts mitmproxy in this process, with the addon, on a thread of its own."""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from mitmproxy import ctx
from mitmproxy.addons import default_addons
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.hooks import ConfigureHook
from mitmproxy.master import Master
from mitmproxy.options import Options

from responses_tap.capture import Capture, log_notice
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.recorder import Notice

_IDLE_SECONDS = 24 * 3600
"""mitmproxy cuts connections that are silent for ten minutes; a reasoning model may be."""
_GRACE_SECONDS = 0.5
_POLL_SECONDS = 0.01


class CannotRecord(Exception):  # noqa: N818 (it is the name of the state, not of a bug)
    """The proxy cannot be started. The message is one line: what, where, what to do."""


class Proxy:
    """A recording proxy, running from construction to `close`; CannotRecord if it cannot be started.

    `upstream` is a base URL such as `https://api.openai.com/v1`; paths pass unchanged. `mode` is `reverse`, or
    another of mitmproxy's modes, which needs no upstream. `on_notice` is called on a thread of the recorder.
    mitmproxy allows one proxy at a time in a process.
    """

    def __init__(
        self,
        db: Path,
        *,
        upstream: str = "",
        listen: tuple[str, int] = ("127.0.0.1", 0),
        mode: str = "reverse",
        profile: str = DEFAULT_PROFILE,
        on_notice: Callable[[Notice], object] = log_notice,
    ) -> None:
        self._host, self._prefix = listen[0], ""
        strategy = "eager"
        if mode == "reverse":
            origin, self._prefix = _origin_and_prefix(upstream)
            mode = f"reverse:{origin}"
            # Connecting at once, mitmproxy hangs up without a word, and nothing to record, when the upstream is
            # down; connecting for a request it answers 502.
            strategy = "lazy"
        self._options = {
            "mode": [mode],
            "listen_host": listen[0],
            "listen_port": listen[1],
            "tcp_timeout": _IDLE_SECONDS,
            "connection_strategy": strategy,
        }
        self._settings = {"tap_db": str(db), "tap_profile": profile}
        self._capture = Capture(on_notice)
        self._stop: Callable[[], object] | None = None
        self._failure: Exception | None = None
        self._settled = threading.Event()
        self.port = 0
        """The port that it listens on."""
        self._thread = threading.Thread(target=self._run, name="responses-tap proxy", daemon=True)
        self._thread.start()
        self._settled.wait()
        if self._failure is not None:
            self._thread.join()
            raise CannotRecord(str(self._failure)) from self._failure

    @property
    def base_url(self) -> str:
        """What a client takes for the API's base URL: the listener and the upstream's prefix."""
        host = self._host or "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{self._prefix}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, with everything that came through written to the file."""
        if self._stop is not None:
            self._stop()
            self._stop = None
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as failure:  # noqa: BLE001 (it is raised where the proxy was made)
            self._failure = failure
        finally:
            self._settled.set()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        # mitmproxy's own calls are only partly annotated.
        master: Any = Master(Options(), event_loop=loop)
        running = _Running()
        master.options.update_defer(**self._settings)
        master.addons.add(
            *default_addons(),  # type: ignore[no-untyped-call]
            self._capture,
            running,
        )
        master.options.update(**self._options)
        # The worker is ready before the port is opened: nothing can pass unrecorded.
        master.addons.invoke_addon_sync(self._capture, ConfigureHook(set(self._settings)))
        serving = asyncio.create_task(master.run())
        try:
            await running.event.wait()
            servers = master.addons.get("proxyserver")
            self.port = _port(servers)
            self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
            self._settled.set()
            await stopping.wait()
            await servers.servers.update([])
            await _drain(servers)
        finally:
            master.should_exit.set()
            await serving


class _Running:
    """An addon that tells when the proxy is up."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def running(self) -> None:
        self.event.set()


def _origin_and_prefix(upstream: str) -> tuple[str, str]:
    parts = urlsplit(upstream)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CannotRecord(f"the upstream {upstream!r} is no http(s) URL; give one like https://HOST/v1")
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.rstrip("/")


def _port(servers: Proxyserver) -> int:
    """The port that is listened on; CannotRecord where none could be opened."""
    for server in servers.servers:
        if isinstance(server.last_exception, OSError):
            cause = os.strerror(server.last_exception.errno or 0)
            where = f"{ctx.options.listen_host}:{ctx.options.listen_port}"
            raise CannotRecord(f"cannot listen on {where} ({cause}); give another address with --listen")
    return int(servers.listen_addrs()[0][1])


async def _drain(servers: Proxyserver) -> None:
    """Let the ends of connections that have just been closed come through."""
    for _ in range(int(_GRACE_SECONDS / _POLL_SECONDS)):
        if not servers.connections:
            return
        await asyncio.sleep(_POLL_SECONDS)
