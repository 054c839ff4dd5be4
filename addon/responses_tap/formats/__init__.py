"""The forms in which streams are kept outside a recording. Each module knows one."""


class UnrecognizedFormat(Exception):  # noqa: N818 - it names what the file is
    """A file or text of none of the formats; the message is one line: what it is and what was expected."""


class Damaged(UnrecognizedFormat):
    """A file that is of one of the formats, but breaks somewhere."""


class TooLarge(UnrecognizedFormat):
    """A file that is of one of the formats, but larger than can be read as a whole."""
