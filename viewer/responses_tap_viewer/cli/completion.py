"""What the shell completes, besides what click knows: streams, rule codes, filter fields, clients, scenarios, faults.

Runs while a user types: what cannot be read completes to nothing, silently.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from responses_tap.escaping import shorten
from responses_tap.stream.columns import StreamRow

type _ShellComplete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_STREAMS = 50
"""How many of the newest streams to offer."""


def _at_tab(offer: Callable[[str], list[CompletionItem]]) -> _ShellComplete:
    """A completion callback of click's; only the word being typed matters."""
    return lambda _ctx, _param, incomplete: offer(incomplete)


@_at_tab
def paths(incomplete: str) -> list[CompletionItem]:
    """Files and folders, completed by the shell itself; after `FILE.db#`, its streams."""
    return _paths(incomplete)


@_at_tab
def streams(incomplete: str) -> list[CompletionItem]:
    """The streams of the default recording, those after `FILE.db#`, and files."""
    from responses_tap_viewer.streams import default_recording

    if incomplete and not incomplete.isdecimal():
        return _paths(incomplete)
    found = _of_recording(None, incomplete) if default_recording().is_file() else []
    return found or _files(incomplete)


@_at_tab
def codes(incomplete: str) -> list[CompletionItem]:
    """Rule codes, also after a comma, and their families' prefixes."""
    from responses_tap.protocol.rules import RULES

    before, comma, start = incomplete.rpartition(",")
    families = dict.fromkeys(code[:2] for code in RULES)
    offered = dict.fromkeys(families, "all of them") | {code: rule.name for code, rule in RULES.items()}
    return [
        CompletionItem(f"{before}{comma}{code}", help=name)
        for code, name in offered.items()
        if code.startswith(start.upper())
    ]


@_at_tab
def rules(incomplete: str) -> list[CompletionItem]:
    """The codes of single rules."""
    from responses_tap.protocol.rules import RULES

    return [CompletionItem(c, help=rule.name) for c, rule in RULES.items() if c.startswith(incomplete.upper())]


@_at_tab
def terms(incomplete: str) -> list[CompletionItem]:
    """The fields that the last term of a filter may test."""
    from responses_tap.stream.filters import FIELDS

    before, space, term = incomplete.rpartition(" ")
    start = term.removeprefix("-")
    lead = f"{before}{space}{term[: len(term) - len(start)]}"
    return [
        CompletionItem(f"{lead}{name}{'>' if field.is_number else ':'}", help=field.meaning)
        for name, field in FIELDS.items()
        if name.startswith(start)
    ]


@_at_tab
def clients(incomplete: str) -> list[CompletionItem]:
    """The names of clients."""
    from responses_tap_viewer.actions.recording.known_clients import CLIENTS

    return [CompletionItem(name, help=client.title) for name, client in CLIENTS.items() if name.startswith(incomplete)]


@_at_tab
def scenarios(incomplete: str) -> list[CompletionItem]:
    """The names of scenarios, and of their groups."""
    from responses_tap_viewer.probe.scenario import load

    known = load()
    offered = dict.fromkeys((each.group for each in known), "all of them") | {each.name: each.title for each in known}
    return [CompletionItem(name, help=title) for name, title in offered.items() if name.startswith(incomplete)]


@_at_tab
def drivers(incomplete: str) -> list[CompletionItem]:
    """The names of the clients that `impact` runs."""
    from responses_tap_viewer.clients.drivers import DRIVERS

    names = dict.fromkeys(name for driver in DRIVERS.values() for name in (driver.client, driver.name))
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


@_at_tab
def faults(incomplete: str) -> list[CompletionItem]:
    """The names of faults, with the arguments that a bench offers."""
    from responses_tap_viewer.actions.faulty import every_fault, fault_named, title_of

    start = incomplete.casefold()
    names = [name for name in every_fault() if name.casefold().startswith(start)]
    return [CompletionItem(name, help=title_of(fault_named(name))) for name in names]


def _paths(incomplete: str) -> list[CompletionItem]:
    return _of_recording(*incomplete.split("#")) if incomplete.count("#") == 1 else _files(incomplete)


def _files(incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def _about(row: StreamRow) -> str:
    """A stream's description in the shell, which splits it at lines and tabs, and prints it as it is."""
    return shorten(" · ".join(filter(None, (row.model, row.state, row.first_code))))


def _of_recording(file: str | None, start: str) -> list[CompletionItem]:
    """The newest streams of a recording whose ids have this prefix; None: the default recording, without its path."""
    from responses_tap.errors import RecordingError, UnusableInput
    from responses_tap_viewer.streams import default_recording, open_existing

    lead = "" if file is None else f"{file}#"
    with suppress(RecordingError, UnusableInput, OSError):
        with open_existing(default_recording() if file is None else Path(file)) as recording:
            rows = recording.streams(limit=_STREAMS)
        return [
            CompletionItem(f"{lead}{row.id}", help=_about(row))
            for row in reversed(rows)
            if str(row.id).startswith(start)
        ]
    return []
