"""`record`: a recording proxy, alone or around a command."""

from pathlib import Path

import click

from responses_tap_viewer.cli.parameters import DB, address, given_options


def _joined(_ctx: click.Context, _option: click.Parameter, names: tuple[str, ...]) -> str:
    """The names in the format of the addon's option."""
    return ",".join(names)


def _end_with_input(_: click.Context, __: click.Parameter, is_wanted: bool) -> None:
    from responses_tap_viewer.actions.recording.run import end_with_input

    if is_wanted:
        end_with_input()


def _given(ctx: click.Context) -> list[str]:
    """The options on the command line as words for another run, without --mode; credentials in URLs are masked."""
    from responses_tap.privacy.masking import Masker

    words: list[str] = []
    for option in given_options(ctx):
        name = option.name or ""
        if not isinstance(option, click.Option) or option.hidden or name in ("modes", "ui"):
            continue
        if option.is_flag:
            words.append(option.opts[-1])
        else:
            value = str(ctx.params[name])
            for each in value.split(",") if option.multiple else [value]:
                words += [option.opts[-1], Masker().urls(each)] if each else []
    return words


class _Record(click.Command):
    """Says where `--` belongs when an option of the COMMAND is taken for one of ours."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; UsageError for an unknown option."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if "--" in given or error.option_name.startswith("--"):
                raise
            hint = "Put -- before the command: responses-tap record -- python my_client.py"
            raise click.UsageError(f"{error.format_message()} {hint}", ctx) from error


@click.command(cls=_Record)
@click.option(
    "--upstream",
    metavar="URL",
    envvar="OPENAI_BASE_URL",
    help="The API's base URL.  [default: $OPENAI_BASE_URL, else OpenAI's]",
)
@click.option(
    "--port",
    "--listen",
    "listen",
    metavar="[HOST:]PORT",
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
@click.option("--ui", is_flag=True, help="Open the terminal UI; COMMAND's output is shown when the UI closes.")
@click.option(
    "--only",
    "tap_only",
    metavar="EXPR",
    default="",
    help="Keep only matching streams: model:gpt* errors>0; `list --help` has the language.",
)
@click.option(
    "--max-size",
    "tap_max_size",
    metavar="SIZE",
    default="",
    help="Rotate to FILE-2.db, … when FILE reaches SIZE: 500m, 2g.",
)
@click.option(
    "--keep",
    "tap_keep",
    metavar="NAME",
    multiple=True,
    callback=_joined,
    help="Don't mask this request header or query parameter.",
)
@click.option(
    "--archive",
    metavar="DIR|URL",
    help="Add the streams to a Parquet dataset while they are recorded, as export does; `pip install "
    "'responses-tap[archive]'`.",
)
@click.option("--with-events", is_flag=True, help="Also archive events, headers and bodies.")
@click.option(
    "--otlp",
    metavar="URL",
    help="Send spans and metrics to an OpenTelemetry collector (http://localhost:4318); `pip install "
    "'responses-tap[otel]'`.",
)
@click.option(
    "--processes",
    metavar="N",
    type=click.IntRange(1, 99),
    default=1,
    help="Spread the traffic over this many processes, each with a file of its own: FILE.1.db, FILE.2.db, …",
)
@click.option("--notices", type=int, default=-1, hidden=True)
@click.option("--until-eof", is_flag=True, hidden=True, expose_value=False, callback=_end_with_input)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def record(  # noqa: PLR0913, PLR0917 - one parameter an option
    ctx: click.Context,
    /,
    upstream: str | None,
    listen: str,
    modes: tuple[str, ...],
    db: Path | None,
    ui: bool,
    archive: str | None,
    with_events: bool,
    otlp: str | None,
    processes: int,
    command: tuple[str, ...],
    **settings: str,
) -> None:
    """Record traffic between a client and the API.

    With a COMMAND: run it with OPENAI_BASE_URL set to the recorder (in a proxy mode: with the variables for proxy and
    CA, of the first mode if there are several), and exit with its status. Without: print the lines to set in another
    terminal, and record until Ctrl-C.

    The CA is mitmproxy's in ~/.mitmproxy if there is one, otherwise one for this run only. To trust an upstream with
    your own CA, set SSL_CERT_FILE. Credentials in requests are masked: the value of every header and query parameter
    that is not known to be harmless (--keep NAME exempts one), and whatever is named or looks like a credential in a
    body. RESPONSES_TAP_SECRETS adds regular expressions, one per line.

    --only: request fields (model, url, host, route) are evaluated immediately. Other fields are evaluated when the
    stream ends; streams that don't match are then discarded without being reported. Streams that are open when a file
    reaches --max-size end in that file; new ones go to the next.

    --archive and --otlp work in processes of their own and never delay the traffic. In an archive, secrets are masked
    and streams with personal data redacted; what a run leaves undone, the next with the same --db finishes. Spans that
    the collector doesn't take are lost, and counted.

    One process uses one core. With --processes, N of them accept connections on the same port, and FILE.db
    is the name of all their files together for list, view, show, check and export. If one is killed, the others
    continue.

    \b
    Examples:
      responses-tap record -- python my_client.py
      responses-tap record --upstream http://localhost:8321/v1 --db mine.db
      responses-tap record --ui -- python my_client.py
      responses-tap record --mode regular -- codex exec "say hello"
      responses-tap record --mode reverse --mode regular@8091
      responses-tap record --archive s3://bucket/streams --otlp http://localhost:4318
      responses-tap record --processes 8 --db gateway.db
    """  # fmt: skip
    from responses_tap_viewer.actions.forwarding.forwarding_process import ForwardingSettings, forwarded
    from responses_tap_viewer.actions.recording.run import DEFAULT_UPSTREAM, Traffic, current, record
    from responses_tap_viewer.streams import default_recording

    where, upstream, db = address(listen), upstream or DEFAULT_UPSTREAM, db or default_recording()
    notices = int(settings.pop("notices"))
    if ui:
        if processes > 1:
            raise click.UsageError("--ui shows one file as it grows; record with one process, or without --ui")
        from responses_tap_viewer.tui.recorder_process import record_and_browse

        options = [f"--upstream={upstream}", f"--listen={listen}", f"--db={db}", *(f"--mode={mode}" for mode in modes)]
        options += [f"--only={settings['tap_only']}", f"--max-size={settings['tap_max_size']}"]
        options += [f"--keep={name}" for name in settings["tap_keep"].split(",") if name]
        options += [f"--archive={archive}"] * bool(archive) + ["--with-events"] * with_events
        options += [f"--otlp={otlp}"] * bool(otlp)
        ctx.exit(record_and_browse(current(db, settings["tap_max_size"]), options, command))
    if with_events and not archive:
        raise click.UsageError("--with-events is for --archive")
    traffic, given = Traffic(upstream, where, modes, processes), _given(ctx)
    files = [str(file) for file in traffic.first_files(db)]
    wanted = [ForwardingSettings(files, "archive", archive, settings["tap_only"], with_events)] if archive else []
    wanted += [ForwardingSettings(files, "otlp", otlp, settings["tap_only"])] if otlp else []
    with forwarded(wanted, notices):
        status = record(db, traffic, command, settings, notices, given)
    ctx.exit(status)
