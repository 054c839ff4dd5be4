"""The command line, one module for each command: what it takes and prints. The work is done in other packages."""

from responses_tap_viewer.cli.group import main

__all__ = ["main"]
