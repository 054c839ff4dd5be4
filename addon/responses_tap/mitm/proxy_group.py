"""Several recording proxies behind the same ports, each a process with a worker and a file of its own."""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

from mitmproxy.certs import CertStore
from mitmproxy.options import CONF_BASENAME, KEY_SIZE

from responses_tap.mitm.proxy import OWN_CONFDIR, CannotRecord, Listener, confdir, mode_specs
from responses_tap.mitm.shared_ports import ProxySettings, SharedPorts
from responses_tap.recorder.messages import Hint, Notice, Trouble, decode_reply
from responses_tap.self_closing import SelfClosing
from responses_tap.store.shares import share_paths


class ProxyGroup(SelfClosing):
    """Like `Proxy`, with the traffic spread over several processes; the parameters are the same.

    The recording `db` is in as many files (`store.shares`). A process that dies takes the connections that it had with
    it; the others continue.
    """

    def __init__(
        self,
        db: Path,
        processes: int,
        *,
        upstream: str,
        listen: tuple[str, int],
        modes: Sequence[str],
        on_notice: Callable[[Notice], object],
        options: Mapping[str, object],
    ) -> None:
        if os.path.lexists(db):
            raise CannotRecord(f"{db} is a recording by one process; give another file with --db")
        self.files = share_paths(db, processes)
        """The file of each process; with a maximum size, the first one."""
        self._on_notice = on_notice
        self.over: SimpleQueue[None] = SimpleQueue()
        """Gets an element once the last process has died."""
        self._lock = threading.Lock()
        self._hints: set[str] = set()
        self._is_closing = False
        self._passed = Counter[str]()
        folder = confdir()
        self.ca = CertStore.from_store(folder, CONF_BASENAME, KEY_SIZE).default_ca.to_pem()
        self.ca_lasts = folder == OWN_CONFDIR
        ports = _bound(list(mode_specs(modes, upstream)), listen)
        facts = upstream, listen[0], ports.port, list(modes)
        self._members = [
            _Member(
                ProxySettings(
                    str(file),
                    *facts,
                    {**options, "confdir": str(folder), "tap_share": f"{number}/{processes}"},
                    ports.descriptors,
                ),
                self._take,
                self._note_end,
            )
            for number, file in enumerate(self.files, 1)
        ]
        try:
            self.listeners, *_ = [member.wait_until_ready() for member in self._members]
            ports.lengthen_queues()
        except CannotRecord:
            self.close()
            raise
        finally:
            ports.close()

    @property
    def passed(self) -> Mapping[str, int]:
        """The requests to other APIs that passed, counted by method and path; complete once it is closed."""
        return self._passed

    def close(self) -> None:
        """Stop all, once everything that passed has been written to the files."""
        self._is_closing = True
        for member in self._members:
            member.hang_up()
        for member in self._members:
            self._passed.update(member.wait())

    def _take(self, notice: Notice) -> None:
        with self._lock:
            if isinstance(notice, Hint):
                if notice.message in self._hints:
                    return  # another process has said so
                self._hints.add(notice.message)
            self._on_notice(notice)

    def _note_end(self, ended: "_Member") -> None:
        if self._is_closing:
            return
        left = sum(not member.has_ended for member in self._members)
        others = f"the other {left} continue" if left > 1 else "the other one continues" if left else "it was the last"
        self._take(Trouble(f"the process that recorded into {ended.file} ended ({ended.status}); {others}"))
        if not left:
            self.over.put(None)


class _Member:
    """One process. `on_notice` and `on_end` are called on a thread of its own."""

    def __init__(
        self,
        settings: ProxySettings,
        on_notice: Callable[[Notice], object],
        on_end: "Callable[[_Member], object]",
    ) -> None:
        self.file = settings.db
        self.has_ended = False
        self._on_notice, self._on_end = on_notice, on_end
        self._first: dict[str, Any] | None = None
        self._passed: dict[str, int] = {}
        self._is_settled = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "responses_tap.mitm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=list(settings.descriptors.values()),
            process_group=0,  # a Ctrl-C in the terminal is for the parent, which then ends them all
        )
        assert self._process.stdin is not None
        self._process.stdin.write(settings.encode())
        self._process.stdin.flush()
        self._listener = threading.Thread(target=self._listen, name="responses-tap proxy's replies", daemon=True)
        self._listener.start()

    @property
    def status(self) -> str:
        """How it ended, in words."""
        code = self._process.wait()
        return f"killed by signal {-code}" if code < 0 else f"exit status {code}"

    def wait_until_ready(self) -> list[Listener]:
        """Where it listens; CannotRecord if it could not begin."""
        self._is_settled.wait()
        if self._first is None:
            raise CannotRecord(f"a proxy could not be started ({self.status})")
        if "failed" in self._first:
            raise CannotRecord(self._first["failed"])
        return [Listener(*facts) for facts in self._first["serving"]]

    def hang_up(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> dict[str, int]:
        """Wait until it has ended; the requests to other APIs that passed."""
        self._listener.join()
        self._process.wait()
        return self._passed

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._take(line)
        self.has_ended = True
        was_ready = self._first is not None
        self._is_settled.set()
        if was_ready:
            self._on_end(self)

    def _take(self, line: bytes) -> None:
        if line.startswith((b'{"serving"', b'{"failed"')):
            self._first = json.loads(line)
            self._is_settled.set()
        elif line.startswith(b'{"passed"'):
            self._passed = json.loads(line)["passed"]
        else:
            self._on_notice(cast("Notice", decode_reply(line)))


def _bound(specs: Sequence[str], listen: tuple[str, int]) -> SharedPorts:
    try:
        return SharedPorts(specs, listen)
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno else str(error)
        raise CannotRecord(
            f"cannot listen on {error.strerror} ({cause}); give another address with --listen"
        ) from error
    except ValueError as error:
        raise CannotRecord(str(error)) from error
