"""`python -m responses_tap_viewer`: the command line, where no console script is on the path."""

from responses_tap_viewer.cli import main

main(prog_name="responses-tap")
