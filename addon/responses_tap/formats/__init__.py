"""The formats in which streams are kept outside a recording, one module each."""


class UnrecognizedFormat(Exception):  # noqa: N818 - it names what the file is
    """A file or text in none of the formats; the message is one line: what it is and what was expected."""


class Damaged(UnrecognizedFormat):
    """A file in one of the formats that breaks somewhere."""


class TooLarge(UnrecognizedFormat):
    """A file in one of the formats that is too large to be read as a whole."""
