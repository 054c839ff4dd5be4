"""What a user touches: the command line, the terminal UI, reports and replay."""
