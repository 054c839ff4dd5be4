"""What is measured: relays for the traffic, each in processes of its own.

`python contestants.py NAME UPSTREAM_PORT FOLDER PROCESSES` prints the port of one, and runs it until stdin ends.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

CLAUDE_TAP = "claude-tap"
_PATIENCE_S = 60.0


class Cpu(NamedTuple):
    """Processor time, ns."""

    relay: int
    worker: int


class Contestant:
    """A running relay."""

    def __init__(self, port: int, process: subprocess.Popen[str] | None, folder: Path) -> None:
        self.port, self._process, self.folder = port, process, folder

    def cpu(self) -> Cpu:
        """What it has used so far, where Linux tells."""
        times = {True: 0, False: 0}
        for pid in _family(self._process.pid) if self._process is not None else ():
            try:
                is_worker = b"responses_tap.recorder\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
                threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
                times[is_worker] += sum(int(thread.read_text().split()[0]) for thread in threads)
            except OSError:
                continue
        return Cpu(times[False], times[True])


def _family(pid: int) -> Iterator[int]:
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _family(int(child))


@contextmanager
def running(name: str, upstream: int, folder: Path, processes: int = 1) -> Iterator[Contestant]:
    """A relay, started for a measurement."""
    folder.mkdir()
    if name == "direct":
        yield Contestant(upstream, None, folder)
        return
    if name == CLAUDE_TAP:
        with _claude_tap(upstream, folder) as contestant:
            yield contestant
        return
    process = subprocess.Popen(
        [sys.executable, __file__, name, str(upstream), str(folder), str(processes)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Contestant(int(process.stdout.readline()), process, folder)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def is_installed(name: str) -> bool:
    """Whether a relay of another program can be run here."""
    if name == CLAUDE_TAP:
        return shutil.which(CLAUDE_TAP) is not None
    return name != "aiohttp relay" or find_spec("aiohttp") is not None


@contextmanager
def _claude_tap(upstream: int, folder: Path) -> Iterator[Contestant]:
    """Started by its own command, as https://pypi.org/project/claude-tap/ has it, and without its dashboard."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    target = f"http://127.0.0.1:{upstream}/v1"
    options = ["--tap-client=codex", "--tap-no-launch", "--tap-no-live", "--tap-no-open", "--tap-host=127.0.0.1"]
    process = subprocess.Popen(
        [CLAUDE_TAP, *options, f"--tap-port={port}", f"--tap-target={target}"],
        cwd=folder,
        env=os.environ | {"HOME": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        end = time.monotonic() + _PATIENCE_S
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{CLAUDE_TAP} could not be started")
            time.sleep(0.1)
        yield Contestant(port, process, folder)
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


# --- the relays themselves --------------------------------------------------------------------------------------


async def bare(upstream: str) -> None:
    """mitmproxy with `stream = True`, and nothing else."""
    from mitmproxy.addons import default_addons
    from mitmproxy.master import Master
    from mitmproxy.options import Options

    class Stream:
        def responseheaders(self, flow) -> None:
            flow.response.stream = True

        def running(self) -> None:
            print(master.addons.get("proxyserver").listen_addrs()[0][1], flush=True)

    master = Master(Options())
    master.addons.add(*default_addons(), Stream())
    master.options.update(mode=[f"reverse:http://127.0.0.1:{upstream}"], listen_host="127.0.0.1", listen_port=0)
    serving = asyncio.create_task(master.run())
    await asyncio.to_thread(sys.stdin.read)
    master.shutdown()
    await serving


async def aiohttp_relay(upstream: str) -> None:
    """The least that a relay in Python does: bytes in, bytes out, nothing recorded."""
    from aiohttp import ClientSession, web

    async def relay(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        async with session.post(f"http://127.0.0.1:{upstream}{request.path}", data=body) as answer:
            response = web.StreamResponse(headers={"content-type": answer.content_type})
            await response.prepare(request)
            async for data in answer.content.iter_any():
                await response.write(data)
            return response

    async with ClientSession() as session:
        app = web.Application()
        app.router.add_post("/{path:.*}", relay)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.to_thread(sys.stdin.read)
        await runner.cleanup()


def ours(upstream: str, folder: str, processes: int, **options: object) -> None:
    """The recording proxy, in one process or several."""
    from responses_tap.mitm.proxy import Proxy
    from responses_tap.mitm.proxy_group import ProxyGroup

    url, db = f"http://127.0.0.1:{upstream}", Path(folder) / "bench.db"
    with (
        ProxyGroup(
            db, processes, upstream=url, listen=("127.0.0.1", 0), modes=["reverse"], on_notice=bool, options=options
        )
        if processes > 1
        else Proxy(db, upstream=url, on_notice=bool, options=options)
    ) as proxy:
        print(proxy.listeners[0].port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    name, upstream, folder, processes = sys.argv[1:]
    if name == "bare mitmproxy":
        asyncio.run(bare(upstream))
    elif name == "aiohttp relay":
        asyncio.run(aiohttp_relay(upstream))
    else:
        ours(upstream, folder, int(processes), tap_splice="without splice" not in name)
