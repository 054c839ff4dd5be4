"""Errors that a user can act on: the message is one line, saying what, where and what to do."""


class RecordingError(Exception):
    """A recording cannot be opened, read or written."""


class UnusableInput(Exception):  # noqa: N818 - it is about the input, which is the user's to fix
    """A path, a name or a stream that cannot be used; the message is one line: what, where, what to do."""

    def __init__(self, source: str, message: str) -> None:
        super().__init__(source, message)
        self.source = source
        self.message = message

    def __str__(self) -> str:
        return f"{self.source} {self.message}".strip()
