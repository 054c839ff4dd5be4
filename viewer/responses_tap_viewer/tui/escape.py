"""The escape key, heard sooner than Textual does.

Most terminals send for it the byte that other keys begin with. Textual waits 100 ms for the rest of such a key, and
looks only ten times a second whether it came: both are felt at each escape.
"""

import os
import selectors
from types import ModuleType

from textual import constants
from textual.drivers import linux_driver

_SECONDS = 0.025
"""In which the rest of a key comes, over a network too: it is sent in one piece."""


class _Selector(selectors.SelectSelector):
    """Returns in time to see that nothing more arrived."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(_SECONDS if timeout is None else min(timeout, _SECONDS))


def hasten_escape() -> None:
    """Have Textual wait less and look more often, unless the user has set ESCDELAY.

    It offers no way to do that. Where it comes to read its keys otherwise, this changes nothing.
    """
    if "ESCDELAY" not in os.environ:
        hasty = ModuleType("selectors")
        vars(hasty).update(vars(selectors), SelectSelector=_Selector)
        vars(linux_driver)["selectors"] = hasty
        vars(constants)["ESCAPE_DELAY"] = _SECONDS
