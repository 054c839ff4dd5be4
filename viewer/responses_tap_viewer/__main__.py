"""`python -m responses_tap_viewer`: the command line, for when the console script isn't on the path."""

from responses_tap_viewer.cli import main

main(prog_name="responses-tap")
