"""Starts mitmproxy in this process, with the addon, on a thread of its own."""

import asyncio
import atexit
import logging
import os
import re
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from mitmproxy import ctx
from mitmproxy.addons import default_addons
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.exceptions import OptionsError
from mitmproxy.hooks import ConfigureHook
from mitmproxy.http import HTTPFlow
from mitmproxy.master import Master
from mitmproxy.options import CONF_BASENAME, CONF_DIR, Options
from mitmproxy.proxy.mode_servers import ServerInstance, WireGuardServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode

from responses_tap.mitm.addon import Capture, log_notice
from responses_tap.mitm.connection_hints import ConnectionHints
from responses_tap.protocol.profiles import DEFAULT_PROFILE
from responses_tap.recorder.messages import Notice, Trouble
from responses_tap.self_closing import SelfClosing

_USER = re.compile(r"(?<=//)[^/\s]*(?=@)")
OWN_CONFDIR = Path(CONF_DIR).expanduser()
"""Where mitmproxy keeps this user's CA."""
_IDLE_SECONDS = 24 * 3600
"""mitmproxy cuts connections that are silent for ten minutes, as a reasoning model may be."""
_LOG = logging.getLogger("mitmproxy")
_UNUSED_ADDONS = frozenset((
    "anticache", "anticomp", "blocklist", "browser", "clientplayback", "commandhistory", "comment", "cut", "export",
    "maplocal", "mapremote", "modifybody", "modifyheaders", "save", "savehar", "scriptloader", "serverplayback",
    "stickyauth", "stickycookie",
))  # fmt: skip
"""mitmproxy's addons for its own screens, and for options that cannot be set here.

At each hook it asks all addons, one after the other: a sixth of what a short stream costs was spent on these.
"""
_GRACE_SECONDS = 0.5
_POLL_SECONDS = 0.01


class CannotRecord(Exception):  # noqa: N818 (it is the name of the state, not of a bug)
    """The proxy cannot be started. The message is one line: what, where, what to do."""


class Listener(NamedTuple):
    """An address that the proxy listens on."""

    mode: str
    """mitmproxy's name for the mode: `reverse`, `regular`, `upstream`, …"""
    host: str
    port: int
    prefix: str
    """The path of the upstream's URL, if there is an upstream."""
    configuration: str
    """The configuration for a WireGuard client; empty in other modes."""

    @property
    def url(self) -> str:
        """The URL to give a client as its proxy, or as the API's base URL."""
        # With the h, the proxy resolves host names, as in the other modes.
        scheme = "socks5h" if self.mode == "socks5" else "http"
        return f"{scheme}://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}{self.prefix}"


class Proxy(SelfClosing):
    """A recording proxy, running from construction to `close`; CannotRecord if it cannot be started.

    `modes` are mitmproxy's: `reverse`, alone or as `reverse@PORT`, goes to `upstream`, a base URL such as
    `https://api.openai.com/v1`; paths pass unchanged. A mode without a port of its own takes that of `listen`.
    `on_notice` is called on a thread of the recorder or the proxy; `options` are further options of mitmproxy, but for
    those of `_UNUSED_ADDONS`. mitmproxy allows one proxy at a time in a process.
    """

    def __init__(
        self,
        db: Path,
        *,
        upstream: str = "",
        listen: tuple[str, int] = ("127.0.0.1", 0),
        modes: Sequence[str] = ("reverse",),
        profile: str = DEFAULT_PROFILE,
        on_notice: Callable[[Notice], object] = log_notice,
        options: Mapping[str, object] | None = None,
    ) -> None:
        self._prefixes = mode_specs(modes, upstream)
        self._options = {
            "mode": list(self._prefixes),
            "listen_host": listen[0],
            "listen_port": listen[1],
            "confdir": str(confdir()),
            "tcp_timeout": _IDLE_SECONDS,
            "connection_strategy": "lazy" if all(map(_can_wait, modes)) else "eager",
            **{name: value for name, value in (options or {}).items() if not name.startswith("tap_")},
        }
        # The addon's options take effect when it declares them, all at once, so that it starts a single worker.
        ours = {name: value for name, value in (options or {}).items() if name.startswith("tap_")}
        self._settings = {"tap_db": str(db), "tap_profile": profile, **ours}
        self._capture = Capture(on_notice)
        self._hints = ConnectionHints(self._capture.report)
        self._stop: Callable[[], object] | None = None
        self._failure: Exception | None = None
        self._settled = threading.Event()
        self.listeners: list[Listener] = []
        """Where it listens, in the order of the modes; some modes need no port."""
        self.ca = b""
        """The certificate that signs the ones shown to clients, PEM."""
        self.ca_lasts = confdir() == OWN_CONFDIR
        """Whether that is the certificate of the user's mitmproxy, not one for this process only."""
        self._thread = threading.Thread(target=self._run, name="responses-tap proxy", daemon=True)
        self._thread.start()
        self._settled.wait()
        if self._failure is not None:
            self._thread.join()
            raise CannotRecord(str(self._failure)) from self._failure

    @property
    def port(self) -> int:
        """The port it listens on, the first one if there are several."""
        return self.listeners[0].port

    @property
    def passed(self) -> Mapping[str, int]:
        """The requests to other APIs that passed, counted by method and path."""
        return self._capture.passed

    @property
    def base_url(self) -> str:
        """The URL to give a client as the API's base URL: the first listener and the upstream's prefix."""
        return self.listeners[0].url

    def close(self) -> None:
        """Stop, once everything that passed has been written to the file."""
        if self._stop is not None:
            self._stop()
            self._stop = None
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve(), loop_factory=self._new_loop)
        except Exception as failure:  # noqa: BLE001 (raised again in the constructor)
            self._failure = failure
        finally:
            self._settled.set()

    def _new_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        # mitmproxy's own calls are only partly annotated.
        master: Any = Master(Options(), event_loop=loop)
        running = _Running()
        errors = _Errors(self._capture.report)
        master.options.update_defer(**self._settings)
        master.addons.add(
            *_needed_addons(),
            self._capture,
            self._hints,
            running,
            _Forgetful(),
        )
        try:
            master.options.update(**self._options)
        except OptionsError as error:
            advice = "; give each mode a port, as in regular@8091" if "multiple servers" in str(error) else ""
            raise CannotRecord(f"{_without_user(str(error))}{advice}") from error
        # The worker is ready before the port is opened, so that nothing can pass unrecorded.
        master.addons.invoke_addon_sync(self._capture, ConfigureHook(set(self._settings)))
        serving = asyncio.create_task(master.run())
        try:
            await asyncio.wait(
                [serving, asyncio.create_task(running.event.wait())], return_when=asyncio.FIRST_COMPLETED
            )
            if serving.done():
                raise CannotRecord(f"mitmproxy cannot be started ({serving.exception()})")
            servers = master.addons.get("proxyserver")
            self.listeners = _listeners(servers, self._prefixes)
            _LOG.addHandler(errors)  # an earlier failure is the one to raise
            self.ca = master.addons.get("tlsconfig").certstore.default_ca.to_pem()
            self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
            self._settled.set()
            await stopping.wait()
            await servers.servers.update([])
            await _drain(servers)
            _cut(servers)
            self._capture.done()  # before the loop runs again: what it relayed then would not be recorded
        finally:
            master.should_exit.set()
            await asyncio.wait([serving])
            _LOG.removeHandler(errors)
            self._capture.done()  # mitmproxy does not call it if it failed to start
        serving.result()


class _Running:
    """An addon that signals when the proxy is up."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def running(self) -> None:
        self.event.set()


class _Errors(logging.Handler):
    """Reports what mitmproxy logs as an error: nothing else shows its log in this process."""

    def __init__(self, report: Callable[[Notice], object]) -> None:
        super().__init__(logging.ERROR)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        self._report(Trouble(f"mitmproxy: {record.getMessage().partition('\n')[0]}"))


class _Forgetful:
    """An addon that drops a request's body once the server responds.

    mitmproxy keeps it with the flow, which stays in memory until Python next collects cycles.
    """

    def responseheaders(self, flow: HTTPFlow) -> None:
        flow.request.raw_content = None


def _needed_addons() -> list[object]:
    addons: list[object] = default_addons()  # type: ignore[no-untyped-call]
    return [addon for addon in addons if type(addon).__name__.lower() not in _UNUSED_ADDONS]


@cache
def confdir() -> Path:
    """The folder of mitmproxy's CA: its own if it has one, else a private one, deleted with this process."""
    if (OWN_CONFDIR / f"{CONF_BASENAME}-ca.pem").exists():
        return OWN_CONFDIR
    folder = tempfile.TemporaryDirectory(prefix="responses-tap-")
    atexit.register(folder.cleanup)
    return Path(folder.name)


def mode_specs(modes: Sequence[str], upstream: str) -> dict[str, str]:
    """The modes as mitmproxy names them, each with its upstream's path; CannotRecord for a bad mode or upstream."""
    origin, prefix = _origin_and_prefix(upstream) if any(map(_is_bare_reverse, modes)) else ("", "")
    specs = {}
    for mode in modes:
        if _is_bare_reverse(mode):
            specs[mode.replace("reverse", f"reverse:{origin}")] = prefix
        else:
            specs[mode] = ""
    for spec in specs:
        _require_mode(spec)
    return specs


def _require_mode(spec: str) -> None:
    try:
        ProxyMode.parse(spec)
    except ValueError as error:
        name = spec.partition(":")[0]  # what follows may contain a password, and so may mitmproxy's own words
        raise CannotRecord(
            f"invalid mode {name!r}: expected reverse, regular, upstream:URL, socks5, wireguard or another mode of "
            "mitmproxy, each also with @PORT"
        ) from error


def _is_bare_reverse(mode: str) -> bool:
    return mode.partition("@")[0] == "reverse"


def _can_wait(mode: str) -> bool:
    """Whether to connect to servers only for a request, so that one that is down becomes a recorded 502.

    If it connected earlier, mitmproxy would just hang up. Not for modes that intercept all of a machine's traffic,
    which includes protocols where the server speaks first.
    """
    return mode.partition("@")[0].partition(":")[0] in ("reverse", "regular", "upstream")


def _origin_and_prefix(upstream: str) -> tuple[str, str]:
    named = "" if "@" in upstream else f" {upstream!r}"  # what precedes an @ may be a password
    refused = CannotRecord(f"the upstream{named} is not an http(s) URL; expected https://HOST/v1")
    try:
        parts = urlsplit(upstream)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError as error:
        raise refused from error
    if not sound:
        raise refused
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", parts.path.rstrip("/")


def _listeners(servers: Proxyserver, prefixes: Mapping[str, str]) -> list[Listener]:
    """Where the servers listen; CannotRecord if one could not be started."""
    for server in servers.servers:
        if (failure := server.last_exception) is not None:
            mode = server.mode
            if not isinstance(failure, OSError):
                cause, *_ = str(failure).splitlines() or [type(failure).__name__]
                raise CannotRecord(f"the mode {mode.full_spec} cannot be started ({cause})")
            cause = os.strerror(failure.errno) if failure.errno else str(failure)
            where = f"{mode.listen_host(ctx.options.listen_host)}:{mode.listen_port(ctx.options.listen_port)}"
            raise CannotRecord(f"cannot listen on {where} ({cause}); give another address with --listen")
    # Without a host, mitmproxy listens on all addresses, of every address family.
    return [
        Listener(
            server.mode.type_name, *server.listen_addrs[0][:2], prefixes[server.mode.full_spec], _configuration(server)
        )
        for server in servers.servers
        if server.listen_addrs
    ]


def _configuration(server: "ServerInstance[Any]") -> str:
    return server.client_conf() or "" if isinstance(server, WireGuardServerInstance) else ""


async def _drain(servers: Proxyserver) -> None:
    """Let the events of connections that have just been closed arrive."""
    for _ in range(int(_GRACE_SECONDS / _POLL_SECONDS)):
        if not servers.connections:
            return
        await asyncio.sleep(_POLL_SECONDS)


def _cut(servers: Proxyserver) -> None:
    """Let no byte of the streams that are still open pass any more."""
    for connection in servers.connections.values():
        for transport in connection.transports.values():
            if isinstance(transport.writer, asyncio.StreamWriter):  # that of a UDP client is another
                transport.writer.transport.abort()


def _without_user(message: str) -> str:
    """The error of a mode, without the user and password of its URL, or details that repeat them."""
    return _USER.sub("…", message.partition(" (")[0]) if "@" in message else message
