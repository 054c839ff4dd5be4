"""`clients`: how to point known clients at the recorder."""

import click

from responses_tap_viewer.cli import completion
from responses_tap_viewer.printing import print_lines


@click.command()
@click.argument("name", required=False, shell_complete=completion.clients)
def clients(name: str | None) -> None:
    """List the known clients, or show how to point one at the recorder.

    \b
    Examples:
      responses-tap clients
      responses-tap clients codex
    """
    from responses_tap_viewer.actions.recording.known_clients import client_list, client_page, find_client

    if name is None:
        print_lines(client_list())
        return
    found = find_client(name)
    if found is None:
        raise click.UsageError(f"unknown client {name!r}; `responses-tap clients` lists all clients")
    print_lines(client_page(found))
