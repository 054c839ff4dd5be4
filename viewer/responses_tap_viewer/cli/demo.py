"""`demo`: sample streams, recorded and shown."""

import click


@click.command()
@click.option("--no-ui", is_flag=True, help="Print what was recorded instead of opening the terminal UI.")
def demo(no_ui: bool) -> None:
    """Play sample streams through the real proxy and open them in the terminal UI.

    \b
    Examples:
      responses-tap demo
      responses-tap demo --no-ui
    """
    from responses_tap_viewer.actions.recording.samples import demo, has_terminal
    from responses_tap_viewer.tui.launch import browse_demo

    demo(None if no_ui or not has_terminal() else browse_demo)
