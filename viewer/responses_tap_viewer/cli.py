"""The commands, a few lines each: what they say and take is here, what they do is in the modules they call."""

import errno
import os
import sys
from pathlib import Path

import click

from responses_tap.filters import Filter
from responses_tap_viewer import check_command, completion, diff_command, recording_commands
from responses_tap_viewer.export_formats import FORMATS
from responses_tap_viewer.recording_commands import DB, print_lines, read_filter


class _Commands(click.Group):
    """The group of commands: examples keep their lines, and unusable input is one line and status 2."""

    def invoke(self, ctx: click.Context) -> object:
        from responses_tap.errors import RecordingError
        from responses_tap_viewer.streams import UNUSABLE, UnusableInput

        try:
            return super().invoke(ctx)
        except (UnusableInput, RecordingError) as error:
            click.echo(f"responses-tap: {error}", err=True)
            ctx.exit(UNUSABLE)
        except BrokenPipeError:
            # The reader of our output (`| head`) has seen enough.
            _print_no_more()
            ctx.exit(0)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            _print_no_more()
            click.echo(f"responses-tap: the output cannot be written ({error.strerror})", err=True)
            ctx.exit(UNUSABLE)


def _print_no_more() -> None:
    """Send what is still in standard output's buffer nowhere: writing it at the end would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="responses-tap")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Record streams of the OpenAI Responses API, check them against the protocol, and look at them.

    \b
    Examples:
      responses-tap demo                              # no key, no network
      responses-tap record -- python my_client.py     # record a live client
      responses-tap view                              # browse what was recorded
      responses-tap check stream.sse                  # check a saved body

    \b
    Completion of commands, streams and rule codes, in the shell's start-up file:
      bash   eval "$(_RESPONSES_TAP_COMPLETE=bash_source responses-tap)"
      zsh    eval "$(_RESPONSES_TAP_COMPLETE=zsh_source responses-tap)"
      fish   _RESPONSES_TAP_COMPLETE=fish_source responses-tap | source
    """  # fmt: skip
    if "NO_COLOR" in os.environ:
        ctx.color = False


for _command in (
    check_command.check,
    diff_command.diff,
    recording_commands.list_,
    recording_commands.recheck,
    recording_commands.rm,
    recording_commands.prune,
    recording_commands.clients,
):
    main.add_command(_command)


@main.command()
@click.option("--no-ui", is_flag=True, help="Print what was recorded instead of opening the terminal UI.")
def demo(no_ui: bool) -> None:
    """Play sample streams through the real proxy and look at them.

    \b
    Examples:
      responses-tap demo
      responses-tap demo --no-ui
    """
    from responses_tap_viewer.demo import demo, has_terminal

    demo(None if no_ui or not has_terminal() else _look)


@main.command()
@click.option(
    "--upstream",
    metavar="URL",
    envvar="OPENAI_BASE_URL",
    help="The API's base URL.  [default: $OPENAI_BASE_URL, else OpenAI's]",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:8090",
    show_default=True,
    help="Where to listen; port 0 takes a free one.",
)
@click.option(
    "--mode",
    "modes",
    metavar="MODE",
    multiple=True,
    default=("reverse",),
    help="How clients connect: reverse (in front of the upstream), regular (a proxy with a CA), upstream:URL (that, "
    "behind another proxy), or another mode of mitmproxy, each with @PORT. May be repeated.  [default: reverse]",
)
@click.option(
    "--db",
    type=DB,
    envvar="RESPONSES_TAP_DB",
    help="The recording.  [default: $RESPONSES_TAP_DB, else recordings/responses.db]",
)
@click.option("--ui", is_flag=True, help="Show it in the terminal UI; what COMMAND prints comes afterwards.")
@click.option(
    "--only", "tap_only", metavar="EXPR", default="", help="Keep only these streams: model:gpt* errors>0 (as in list)."
)
@click.option(
    "--max-size", "tap_max_size", metavar="SIZE", default="", help="Go on in FILE-2.db, … at this size: 500m, 2g."
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def record(
    ctx: click.Context,
    /,
    upstream: str | None,
    listen: str,
    modes: tuple[str, ...],
    db: Path | None,
    ui: bool,
    command: tuple[str, ...],
    **settings: str,
) -> None:
    """Record what a client and the API say to each other.

    With a COMMAND: run it with OPENAI_BASE_URL set to the recorder (with a proxy mode: with the variables for proxy
    and CA, of the first mode if there are several), and pass its exit status on. Without: print the lines to set in
    another terminal, and record until Ctrl-C.

    The CA is mitmproxy's in ~/.mitmproxy where it has one, otherwise one for this run only. An upstream with a CA
    of your own is trusted by SSL_CERT_FILE. Secrets in requests are masked; RESPONSES_TAP_SECRETS has regular
    expressions, one a line, of further ones.

    Of --only, what the request shows (model, url, host, route) decides at once; for all else the stream is recorded
    to its end, and only then told of, or taken out again. Streams that are open when a file has reached --max-size
    move to the next one.

    \b
    Examples:
      responses-tap record -- python my_client.py
      responses-tap record --upstream http://localhost:8321/v1 --db mine.db
      responses-tap record --ui -- python my_client.py
      responses-tap record --mode regular -- codex exec "say hello"
      responses-tap record --mode reverse --mode regular@8091
    """  # fmt: skip
    from responses_tap_viewer.recording import DEFAULT_UPSTREAM, record
    from responses_tap_viewer.streams import default_recording

    address, upstream, db = _address(listen), upstream or DEFAULT_UPSTREAM, db or default_recording()
    if ui:
        from responses_tap_viewer.recording_ui import record_and_look

        options = [f"--upstream={upstream}", f"--listen={listen}", f"--db={db}", *(f"--mode={mode}" for mode in modes)]
        options += [f"--only={settings['tap_only']}", f"--max-size={settings['tap_max_size']}"]
        ctx.exit(record_and_look(db, options, command))
    ctx.exit(record(db, address, upstream, modes, command, settings))


@main.command()
@click.argument("paths", metavar="[DB or PATH]…", nargs=-1)
def view(paths: tuple[str, ...]) -> None:
    """Browse a recording in the terminal, also while it is being written; or streams that are not in one.

    PATH is whatever `import` takes, a folder of such files, or - for a stream that comes through a pipe.

    \b
    Examples:
      responses-tap view
      responses-tap view mine.db
      responses-tap view stream.sse captures/
      curl -sN … | responses-tap view -
    """
    from responses_tap_viewer.viewing import view

    view(paths)


@main.command()
@click.argument("stream", shell_complete=completion.streams)
@click.option("--full", is_flag=True, help="Show each delta and whole texts.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True)
def show(stream: str, full: bool, format_: str) -> None:
    """Print the timeline of one stream, with each finding at its event.

    STREAM is an id in the default recording, FILE.db#ID, a file with one stream, or FILE#INDEX.

    \b
    Examples:
      responses-tap show 3
      responses-tap show mine.db#3 --full
      responses-tap show stream.sse
    """
    from responses_tap.timeline import timeline
    from responses_tap_viewer.leaks import leak_line
    from responses_tap_viewer.reports import text, trace
    from responses_tap_viewer.streams import find_stream

    found = find_stream(stream)
    if format_ == "json":
        click.echo(trace.trace([found]), nl=False)
    else:
        print_lines(text.stream_lines(found, timeline(found.entries, found.findings, full=full)))
        print_lines(leak_line(found))


@main.command()
@click.argument("streams", metavar="STREAM…", nargs=-1, shell_complete=completion.streams)
@click.option(
    "--filter",
    "wanted",
    callback=read_filter,
    shell_complete=completion.terms,
    metavar="EXPR",
    help="These streams of each recording named.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(list(FORMATS)),
    default=next(iter(FORMATS)),
    show_default=True,
    help="; ".join(f"{format_.name}: {format_.about}" for format_ in FORMATS.values()) + ".",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write.  [default: standard output]")
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@click.option("--redact-text", is_flag=True, help="Replace each character that user or model wrote; lengths stay.")
@click.option("--structure-only", is_flag=True, help="Keep no content at all: no text, no request, no names.")
@click.option("--mask-secrets", is_flag=True, help="Put stars where something looks like a secret.")
def export(  # noqa: PLR0913, PLR0917 - one parameter an option
    streams: tuple[str, ...],
    wanted: Filter | None,
    format_: str,
    output: Path | None,
    force: bool,
    redact_text: bool,
    structure_only: bool,
    mask_secrets: bool,
) -> None:
    """Export streams: for a bug report, for another program, to see them again.

    With --filter, STREAM is a recording, and the default one where none is named. Redacted or not, a stream shows the
    same findings. Nothing leaves in which something looks like a secret, unless it is masked.

    \b
    Examples:
      responses-tap export 3 > report.md
      responses-tap export mine.db#3 --format json -o trace.json
      responses-tap export 3 --format html --structure-only -o report.html
      responses-tap export --filter 'code:MD301 model:gpt*'
    """  # fmt: skip
    from responses_tap_viewer.exporting import export, write_whole
    from responses_tap_viewer.redaction import Content
    from responses_tap_viewer.streams import find_stream, matching_streams

    if wanted is not None:
        found = matching_streams(wanted, streams)
    elif streams:
        found = [find_stream(name) for name in streams]
    else:
        raise click.UsageError("name streams, or choose them with --filter")
    content = Content.STRUCTURE if structure_only else Content.NO_TEXT if redact_text else Content.WHOLE
    written = export(found, FORMATS[format_], content, mask_secrets=mask_secrets)
    if output is None or str(output) == "-":
        click.echo(written, nl=False)
    else:
        write_whole(output, written, over=force)
        click.echo(f"Wrote {output} ({len(written)} bytes)", err=True)


@main.command("import")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, shell_complete=completion.paths)
@click.option(
    "--db",
    type=DB,
    envvar="RESPONSES_TAP_DB",
    help="The recording.  [default: $RESPONSES_TAP_DB, else recordings/responses.db]",
)
@click.pass_context
def import_(ctx: click.Context, paths: tuple[str, ...], db: Path | None) -> None:
    """Put the streams of files into a recording, secrets masked.

    PATH is a saved body, what `curl -i` or `-v` printed, JSON lines or an array of events (the AI SDK's chunk files),
    a HAR, a flow file of mitmproxy, a VCR cassette (YAML or JSON), a JSON trace of `export`, any of these gzipped, or
    a folder of them. What a file is, its content tells. Exit status: 0 fine, 2 unusable input.

    \b
    Examples:
      responses-tap import devtools.har --db mine.db
      responses-tap import trace.json captures/
    """  # fmt: skip
    from responses_tap_viewer.commands import run_import
    from responses_tap_viewer.streams import default_recording

    ctx.exit(run_import(paths, db or default_recording()))


@main.command()
@click.argument("stream", shell_complete=completion.streams)
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:0", help="Where to listen.  [default: a free port]")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="2 plays twice as fast, 0 without waiting.",
)
@click.option(
    "--chunks",
    type=click.Choice(["exact", "event", "byte"]),
    default="exact",
    show_default=True,
    help="In which pieces: as they arrived, an event each, a byte each.",
)
def replay(stream: str, listen: str, speed: float, chunks: str) -> None:
    """Serve a recorded stream again, to any client, until Ctrl-C.

    \b
    Examples:
      responses-tap replay 3
      responses-tap replay stream.sse --listen 127.0.0.1:9000 --speed 0
    """  # fmt: skip
    from responses_tap_viewer.commands import run_replay

    run_replay(stream, _address(listen), speed, chunks)


@main.command()
@click.argument("code", required=False, shell_complete=completion.rules)
def rules(code: str | None) -> None:
    """List the rules, or print the page of one.

    \b
    Examples:
      responses-tap rules
      responses-tap rules MD301
    """
    from responses_tap.protocol.rules import RULES
    from responses_tap_viewer.reports import text

    if code is None:
        print_lines(text.rule_list())
    elif (rule := RULES.get(code.upper())) is None:
        raise click.UsageError(f"there is no rule {code}; `responses-tap rules` lists them")
    else:
        print_lines(text.rule_page(rule))


def _look(db: Path) -> None:
    from responses_tap_viewer.viewing import look

    look(db)


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the largest port
        raise click.BadParameter(f"{listen!r} is no HOST:PORT, like 127.0.0.1:8090", param_hint="--listen")
    return host.strip("[]") or "127.0.0.1", int(port)
