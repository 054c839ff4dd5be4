"""What a person can mend: errors whose message is one line, saying what, where and what to do."""


class RecordingError(Exception):
    """A recording cannot be opened, read or written."""
