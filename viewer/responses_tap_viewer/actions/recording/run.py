"""`record`: runs the proxy, alone or around a command, and reports findings as they occur."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent
from typing import NamedTuple, cast

import click

from responses_tap.errors import UnusableInput
from responses_tap.escaping import printable, shorten
from responses_tap.mitm.proxy import CannotRecord, Proxy
from responses_tap.mitm.proxy_group import ProxyGroup
from responses_tap.privacy.masking import Masker
from responses_tap.protocol.findings import Finding, Severity, at_event
from responses_tap.protocol.rules import advice
from responses_tap.recorder.messages import (
    EndedBy,
    FileBegun,
    FindingMade,
    Hint,
    Notice,
    StreamFinished,
    StreamStarted,
    Trouble,
    Unmatched,
)
from responses_tap.store import RecordingError, open_recording
from responses_tap.store.series import latest
from responses_tap.store.shares import share_paths
from responses_tap.stream.columns import StreamRow
from responses_tap.stream.timeline import GLYPHS, OK
from responses_tap.urls import is_loopback
from responses_tap_viewer.actions.end_signals import on_end_signals, wait_for_end
from responses_tap_viewer.actions.recording.environment import TRUST, export_lines, upstream_ca, variables
from responses_tap_viewer.actions.recording.nothing_recorded import Seen, advise
from responses_tap_viewer.actions.recording.notices import Listening, NoticePipe, Warning  # noqa: A004 (its name there)
from responses_tap_viewer.exit_status import UNUSABLE
from responses_tap_viewer.printing import print_lines, say
from responses_tap_viewer.reports.text import COLORS, WARNING, counted
from responses_tap_viewer.streams import last_id

DEFAULT_UPSTREAM = "https://api.openai.com/v1"
_MOST_NAMED = 5
_SIGNALLED = 128
"""A command ended by signal N has the exit status 128 + N, as in a shell."""


class Narrator:
    """Prints the recorder's notices to standard error: standard output belongs to the command."""

    def __init__(self, files: Sequence[Path], pipe: NoticePipe) -> None:
        self._pipe = pipe
        self._streams: dict[int, StreamFinished] = {}
        self._files = list(files)
        self._last_ids = {file: last_id(file) for file in files}
        """Of what was recorded before."""
        self._begun: set[int] = set()
        self._refused_tls = False
        self._unmatched = 0
        self._errors: dict[int, str] = {}
        """What streams say went wrong, by id."""

    def __call__(self, notice: Notice) -> None:
        """Take a notice; called on a thread of the recorder."""
        match notice:
            case FindingMade() if notice.severity != Severity.NOTE:
                severity = Severity(notice.severity)
                at = at_event(notice.position, notice.message)
                head = click.style(f"{GLYPHS[severity]} {notice.code} {notice.name}", fg=COLORS[severity])
                say(f"{head} in stream {notice.stream}{at}: {printable(notice.message)}")
                finding = Finding(notice.code, notice.name, severity, notice.position, notice.message)
                if fix := advice(notice.code, severity, finding):
                    say(f"    {fix}")
            case StreamStarted():
                self._begun.add(notice.stream)
            case StreamFinished():
                self._streams[notice.stream] = notice
                say(_end_line(notice))
            case Unmatched():
                self._unmatched += notice.streams
            case FileBegun():
                self._files.append(Path(notice.path))
                say(f"Recording continues in {printable(notice.path)}")
            case Trouble():
                say(self._warned(printable(notice.message), "red"))
            case Hint():
                self._refused_tls |= notice.refused_tls
                say(self._warned(printable(notice.message), "yellow"))

    def _warned(self, message: str, color: str) -> str:
        self._pipe.send(Warning(message))
        return click.style(f"{WARNING}{message}", fg=color)

    def summary(self, seen: Seen, only: str, db: Path) -> Iterator[str]:
        """What was recorded, in all, as the files of `db` have it; where that is nothing, why, most likely."""
        streams = self._recorded()
        if not streams:
            yield self._warned(f"Recorded {_nothing(seen.passed, only, self._unmatched)}", "yellow")
            if seen.command and not only:
                cause, help_ = advise(seen._replace(refused_tls=self._refused_tls))
                yield printable(f"  Likely cause: {cause}")
                yield printable(f"  Try: {help_}")
            elif not only:
                yield "  `responses-tap clients` lists how to point known clients at the recorder"
            return
        errors, warnings = sum(s.errors for s in streams), sum(s.warnings for s in streams)
        events = sum(s.events for s in streams)
        found = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
        files = ", ".join(map(str, self._files))
        yield f"Recorded {counted(len(streams), 'stream')}, {counted(events, 'event')}: {found}  → {files}"
        for stream in streams:
            if stream.errors or stream.warnings or stream.state != "completed":
                end = f"{stream.state}{_ending(stream.state, stream.ended_by, stream.reason)}"
                error = f": {shorten(self._errors[stream.stream], 200)}" if stream.stream in self._errors else ""
                yield f"  stream {stream.stream}: {end}, {_found(stream)}{error}"
        yield f"View: responses-tap view {self._files[-1] if len(self._last_ids) == 1 else db}"

    def _recorded(self) -> list[StreamFinished]:
        """The streams of this run, read from the files: findings may follow the notice of a stream's end."""
        streams = dict(self._streams)
        for path in self._files:
            try:
                with open_recording(path) as recording:
                    rows = recording.streams()
                    self._errors |= recording.errors((row.id, row.state) for row in rows)
            except RecordingError:
                continue  # only the notices are left
            last_id = self._last_ids.get(path, 0)
            streams |= {row.id: _finished(row) for row in rows if row.id > last_id or row.id in self._begun}
        return [streams[id_] for id_ in sorted(streams)]


def _end_line(notice: StreamFinished) -> str:
    """How a stream ended, and what was found in it."""
    severity = Severity.ERROR if notice.errors else Severity.WARNING if notice.warnings else None
    glyph = OK if severity is None else click.style(GLYPHS[severity], fg=COLORS[severity])
    end = "" if notice.state == "completed" else _ending(notice.state, notice.ended_by, notice.reason)
    return f"{glyph} stream {notice.stream}: {notice.state}{end}, {counted(notice.events, 'event')}: {_found(notice)}"


def _found(notice: StreamFinished) -> str:
    """What was found in a stream, in numbers."""
    numbers = ((notice.errors, "error"), (notice.warnings, "warning"), (notice.notes, "note"))
    counts = [counted(number, noun) for number, noun in numbers if number]
    return f"{', '.join(counts)}, first {notice.first_code}" if counts else "no findings"


def _ending(state: str, by: str, reason: str) -> str:
    """Who ended a stream that did not complete, and why."""
    if (state, by) == ("truncated", "server"):
        return ", closed by the server before a terminal event"
    return f", ended by {by} ({printable(reason)})"


def _finished(row: StreamRow) -> StreamFinished:
    by, reason = cast("EndedBy", row.ended_by or "unknown"), row.end_reason or ""
    return StreamFinished(
        row.id, row.state, by, reason, row.event_count, row.errors, row.warnings, row.notes, row.first_code
    )


def _nothing(passed: Mapping[str, int], only: str, unmatched: int) -> str:
    """Why nothing was recorded, as far as known."""
    filtered = f" matching {only}" if only else ""
    filtered += f"; {counted(unmatched, 'stream')} did not match" if unmatched else ""
    total = sum(passed.values())
    most = sorted(passed.items(), key=lambda entry: -entry[1])[:_MOST_NAMED]
    named = ", ".join(f"{count} × {printable(name)}" for name, count in most)
    others = f"; {counted(total, 'other request')} passed ({named})" if total else "; no other request passed"
    return f"0 streams of the Responses API{filtered}{others}"


def current(db: Path, max_size: str) -> Path:
    """The file to be written: the last one of a recording with a maximum size."""
    return latest(db) if max_size else db


class Traffic(NamedTuple):
    """What is to be recorded, and how it comes in."""

    upstream: str
    listen: tuple[str, int]
    modes: Sequence[str]
    """Those of mitmproxy."""
    processes: int = 1
    """How many processes share the work."""

    def first_files(self, db: Path) -> list[Path]:
        """The file of the recording, or that of each process."""
        return share_paths(db, self.processes)

    def files(self, db: Path, max_size: str) -> list[Path]:
        """Those in which streams begin now."""
        return [current(first, max_size) for first in self.first_files(db)]


def end_with_input() -> None:
    """End this process by SIGTERM when its standard input ends; its children get an empty one."""
    lifeline, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def end() -> None:
        while os.read(lifeline, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end, name="responses-tap lifeline", daemon=True).start()


def record(
    db: Path, traffic: Traffic, command: Sequence[str], tap: Mapping[str, str], notices: int, given: Sequence[str]
) -> int:
    """Record until `command` ends, or without one until SIGINT or SIGTERM; return the exit status.

    `tap` has the addon's other options, by their names in mitmproxy; `notices` is the descriptor of a pipe to the UI
    that runs this, -1 without one; `given` are the options as the user gave them, for the advice at the end.
    """
    files = traffic.files(db, tap["tap_max_size"])
    pipe = NoticePipe(notices)
    narrator = Narrator(files, pipe)
    options = {"ssl_verify_upstream_trusted_ca": upstream_ca(), **tap}
    modes = traffic.modes
    with _started(db, traffic, narrator, options) as proxy, TemporaryDirectory(prefix="responses-tap-") as folder:
        print_lines([_opening(proxy, traffic.upstream, modes, _listed(files))], err=True)
        for listener in proxy.listeners:
            if not is_loopback(listener.host):
                say(f"Warning: listening on {listener.host}; anyone on the network can use this proxy.")
        settings = [variables(proxy, listener, Path(folder)) for listener in proxy.listeners]
        if not proxy.ca_lasts and any(TRUST[0] in variables_ for variables_ in settings):
            say("Using a CA for this run only: there is none in ~/.mitmproxy (`mitmdump` creates a permanent one)")
        pipe.send(Listening(next(export_lines(settings[0]), "") if settings else ""))
        if command:
            status = _run(command, settings[0] if settings else {})
        else:
            over = proxy.over if isinstance(proxy, ProxyGroup) else None
            status = 0 if wait_for_end(lambda: _tell_ready(proxy, settings), over) else UNUSABLE
    mode = modes[0].partition("@")[0].partition(":")[0]
    seen = Seen(proxy.passed, command, mode, options=given, status=status)
    print_lines(narrator.summary(seen, tap["tap_only"], db), err=True)
    return status


def _started(db: Path, traffic: Traffic, narrator: Narrator, options: Mapping[str, object]) -> Proxy | ProxyGroup:
    upstream, listen, modes, processes = traffic
    try:
        if processes > 1:
            return ProxyGroup(
                db, processes, upstream=upstream, listen=listen, modes=modes, on_notice=narrator, options=options
            )
        return Proxy(db, upstream=upstream, listen=listen, modes=modes, on_notice=narrator, options=options)
    except CannotRecord as error:
        raise UnusableInput("", str(error)) from error


def _listed(files: Sequence[Path]) -> str:
    first, *others = files
    return f"{first} … {others[-1].name}" if others else str(first)


def _opening(proxy: Proxy | ProxyGroup, upstream: str, modes: Sequence[str], where: str) -> str:
    """What is recorded, and where to."""
    if modes[0].partition("@")[0] == "reverse":
        return f"Recording {_shown(upstream)} to {where}"
    names = ["a forward proxy" if mode.partition("@")[0] == "regular" else f"mode {_shown(mode)}" for mode in modes]
    addresses = ", ".join(listener.url for listener in proxy.listeners)
    return f"Recording to {where} as {', '.join(names)} on {addresses}"


def _shown(source: str) -> str:
    """An upstream or a mode of mitmproxy's (`upstream:URL@PORT`), without the credentials in its URL."""
    url, at, port = source.rpartition("@")
    return Masker().urls(url) + at + port if port.isdecimal() else Masker().urls(source)


def _tell_ready(proxy: Proxy | ProxyGroup, settings: Sequence[Mapping[str, str]]) -> None:
    say("Ready. In another terminal:")
    for listener, variables_ in zip(proxy.listeners, settings, strict=True):
        head = (
            "" if len(settings) == 1 and "OPENAI_BASE_URL" in variables_ else f"  # {listener.mode}: {listener.url}\n"
        )
        say("\n" + head + "\n".join(f"  {line}" for line in export_lines(variables_)))
        if listener.configuration:
            say("\n" + indent(listener.configuration, "  "))
    say("\nPress Ctrl-C to stop.")


def _run(command: Sequence[str], settings: Mapping[str, str]) -> int:
    if "HTTPS_PROXY" in settings and (past := os.environ.get("NO_PROXY") or os.environ.get("no_proxy")):
        print_lines([f"NO_PROXY is set: requests to {past} bypass the recorder"], err=True)
    try:
        process = subprocess.Popen(command, env={**os.environ, **settings})  # noqa: S603 (the user's)
    except OSError as error:
        raise UnusableInput(command[0], f"cannot be run ({error.strerror})") from error

    def pass_on(number: int, _frame: object) -> None:
        # The terminal itself sends Ctrl-C to the command; signals to this process alone are passed on.
        if number != signal.SIGINT:
            process.send_signal(number)

    with on_end_signals(pass_on):
        status = process.wait()
    return _SIGNALLED - status if status < 0 else status
