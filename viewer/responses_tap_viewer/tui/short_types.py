"""Event types as the screen names them."""

from responses_tap.protocol.grammar import ROWS

_PREFIX = "response."


def short_type(type_: str) -> str:
    """A type without the `response.` that nearly every one begins with, unless there is another type of that name."""
    short = type_.removeprefix(_PREFIX)
    return type_ if not short or short in ROWS else short
