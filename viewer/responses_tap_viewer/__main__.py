"""The program `responses-tap`, also as `python -m responses_tap_viewer`."""

_INTERRUPTED = 130
"""The exit status of a shell's command that SIGINT has ended."""


def main() -> None:
    """Run the command line; Ctrl-C while it is imported ends the program without a traceback."""
    try:
        from responses_tap_viewer.cli import main as run
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    run(prog_name="responses-tap")


if __name__ == "__main__":
    main()
