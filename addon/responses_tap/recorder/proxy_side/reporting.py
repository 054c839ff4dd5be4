"""How the proxy's side reports: notices on a thread of their own, and streams that a slow worker has cost."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from responses_tap.recorder.messages import Notice, Trouble

_log = logging.getLogger(__name__)


class NoticeThread:
    """Calls `on_notice` with each notice on a thread of its own: a terminal may wait, the recording must not."""

    def __init__(self, on_notice: Callable[[Notice], object]) -> None:
        self._on_notice = on_notice
        self._notices: SimpleQueue[Notice | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._report_all, name="responses-tap notices", daemon=True)

    def start(self) -> None:
        """Begin to report, also what has been given to `report` before."""
        self._thread.start()

    def report(self, notice: Notice) -> None:
        """Report a notice soon. On any thread."""
        self._notices.put(notice)

    def close(self, seconds: float) -> None:
        """Wait at most so long until everything has been reported."""
        self._notices.put(None)
        self._thread.join(seconds)

    def _report_all(self) -> None:
        while (notice := self._notices.get()) is not None:
            try:
                self._on_notice(notice)
            except Exception:  # noqa: BLE001 (the listener's fault must not end the recording)
                _log.exception("a notice could not be shown: %s", notice)


class Gap:
    """Counts streams that are left out or cut because the worker is too far behind, and reports where a gap begins."""

    def __init__(self, report: Callable[[Notice], object]) -> None:
        self._report = report
        self._left_out = self._cut = 0
        self._reported = (0, 0)
        self._is_open = False

    def note(self, *, left_out: int = 0, cut: int = 0) -> None:
        """Count streams that are left out or lose their rest."""
        self._left_out += left_out
        self._cut += cut
        if not self._is_open:
            self._is_open = True
            self._report(Trouble("the recorder is too far behind: until it has caught up, streams are cut or left out"))

    def end(self) -> None:
        """The worker has caught up."""
        if self._is_open:
            self._is_open = False
            self._report_missed("recording again")

    def close(self) -> None:
        """Report what has not been reported yet."""
        if self._reported != (self._left_out, self._cut):
            self._report_missed("not all was recorded")

    def _report_missed(self, head: str) -> None:
        before, self._reported = self._reported, (self._left_out, self._cut)
        left_out, cut = (now - then for now, then in zip(self._reported, before, strict=True))
        self._report(Trouble(f"{head}; streams left out: {left_out}, cut: {cut}"))
