"""The terminal UI opened: on a recording, on files and pipes, on what is being recorded."""
