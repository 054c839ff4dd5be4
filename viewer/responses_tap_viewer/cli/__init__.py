"""The command line, a module a command: what it takes and prints. The work is done in the rooms below."""

from responses_tap_viewer.cli.group import main

__all__ = ["main"]
