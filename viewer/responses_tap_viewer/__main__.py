"""The program `responses-tap`, also as `python -m responses_tap_viewer`."""

from responses_tap_viewer.exit_status import INTERRUPTED


def main() -> None:
    """Run the command line; Ctrl-C while it is imported ends the program without a traceback."""
    try:
        from responses_tap_viewer.cli import main as run
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    run(prog_name="responses-tap")


if __name__ == "__main__":
    main()
