"""What a person touches: the command line, the terminal UI, reports and replay."""
