"""What goes wrong with files at fsspec URLs."""

from collections.abc import Iterator
from contextlib import contextmanager

from responses_tap.errors import UnusableInput
from responses_tap.escaping import shorten
from responses_tap.formats import UnrecognizedFormat


@contextmanager
def store_errors(url: str, what: str) -> Iterator[None]:
    """Raise whatever a store's library raises as UnusableInput: that `what` is the case, and its words."""
    try:
        yield
    except (UnusableInput, UnrecognizedFormat):
        raise
    except Exception as error:
        words = shorten(str(error)) or type(error).__name__
        raise UnusableInput(url, f"{what} ({words})") from error
