"""A recording's other shapes. Each module knows one; a file that is none of them is `Foreign`."""


class Foreign(Exception):  # noqa: N818 - it names what the file is
    """A file or text that is no recorded stream; the message is one line: what it is and what was expected."""


class Damaged(Foreign):
    """A file that is of one of the formats, but breaks somewhere."""
