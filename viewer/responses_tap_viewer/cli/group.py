"""The group of all commands: its help, and the handling of unusable input."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from responses_tap.escaping import printable
from responses_tap_viewer.cli.check import check
from responses_tap_viewer.cli.clients import clients
from responses_tap_viewer.cli.demo import demo
from responses_tap_viewer.cli.diff import diff
from responses_tap_viewer.cli.export import export
from responses_tap_viewer.cli.impact import impact
from responses_tap_viewer.cli.import_ import import_
from responses_tap_viewer.cli.list import list_
from responses_tap_viewer.cli.probe import probe
from responses_tap_viewer.cli.prune import prune
from responses_tap_viewer.cli.recheck import recheck
from responses_tap_viewer.cli.record import record
from responses_tap_viewer.cli.replay import replay
from responses_tap_viewer.cli.rm import rm
from responses_tap_viewer.cli.rules import rules
from responses_tap_viewer.cli.show import show
from responses_tap_viewer.cli.view import view
from responses_tap_viewer.cli.vocabulary import vocabulary
from responses_tap_viewer.exit_status import INTERRUPTED, UNUSABLE
from responses_tap_viewer.printing import complain

_NAMED = " Name the recording (mine.db) or a stream in it (mine.db#3)."
"""The hint for --db where a recording is an argument."""


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the command with a status of its own: click's is that of a check that has found errors."""
    try:
        yield
    except KeyboardInterrupt:
        complain("interrupted")
        raise click.exceptions.Exit(INTERRUPTED) from None


class _Commands(click.Group):
    """The group of commands: examples keep their lines, and unusable input is one line and status 2."""

    @_interruptible()
    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Print wrong usage of the group itself as printable text."""
        # Under some daemons they are closed.
        sys.stdin = sys.stdin or Path(os.devnull).open()  # noqa: SIM115 (for as long as the program runs)
        sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
        sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
        with _printable_errors():
            return super().make_context(*args, **extra)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named; for a file it is `view` on a terminal, `check` elsewhere."""
        if args[0] not in self.commands and _is_path(args[0]):
            name = "view" if sys.stdin.isatty() and sys.stdout.isatty() else "check"
            return name, self.commands[name], args
        return super().resolve_command(ctx, args)

    @_interruptible()
    def invoke(self, ctx: click.Context) -> object:
        from responses_tap.errors import RecordingError, UnusableInput
        from responses_tap_viewer.streams import internal

        try:
            with _printable_errors():
                return super().invoke(ctx)
        except (UnusableInput, RecordingError) as error:
            complain(error)
            ctx.exit(UNUSABLE)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            # The reader of our output (`| head`) has closed the pipe.
            _print_no_more()
            ctx.exit(0)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                complain(f"{error.filename or 'a file'} cannot be used ({error.strerror})")
                ctx.exit(UNUSABLE)
            _print_no_more()
            complain(f"the output cannot be written ({error.strerror})")
            ctx.exit(UNUSABLE)
        except Exception as error:  # noqa: BLE001 (a traceback doesn't help the owner of the file that causes it)
            complain(internal(error))
            ctx.exit(UNUSABLE)


def _is_path(word: str) -> bool:
    """Whether a word that is no command names a file: one that is there, or that looks like a path."""
    return word == "-" or "/" in word or Path(word).suffix != "" or os.path.lexists(word)


@contextmanager
def _printable_errors() -> Iterator[None]:
    """Make messages about wrong usage printable: they may quote an argument, such as a file name."""
    try:
        yield
    except click.MissingParameter:  # it consists of our own lines
        raise
    except click.ClickException as error:
        hint = _NAMED if isinstance(error, click.NoSuchOption) and error.option_name == "--db" else ""
        raise click.UsageError(printable(error.format_message()) + hint, getattr(error, "ctx", None)) from error


def _print_no_more() -> None:
    """Discard what is left in standard output's buffer: writing it at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="responses-tap")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Record, validate and debug OpenAI Responses API streams.

    \b
    Examples:
      responses-tap demo                              # no key, no network
      responses-tap record -- python my_client.py     # record a live client
      responses-tap view                              # browse what was recorded
      responses-tap check stream.sse                  # check a saved body
      responses-tap stream.sse                        # open it; in a pipe, check it

    \b
    Completion of commands, streams and rule codes, in the shell's start-up file:
      bash   eval "$(_RESPONSES_TAP_COMPLETE=bash_source responses-tap)"
      zsh    eval "$(_RESPONSES_TAP_COMPLETE=zsh_source responses-tap)"
      fish   _RESPONSES_TAP_COMPLETE=fish_source responses-tap | source
    """  # fmt: skip
    if "NO_COLOR" in os.environ:
        ctx.color = False


for _command in (
    check,
    clients,
    demo,
    diff,
    export,
    impact,
    import_,
    list_,
    probe,
    prune,
    recheck,
    record,
    replay,
    rm,
    rules,
    show,
    view,
    vocabulary,
):
    main.add_command(_command)
