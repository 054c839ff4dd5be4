"""The worker's way back to the feeder."""

import os

from responses_tap.recorder.messages import Report, encode_report


class Reports:
    """Sends reports through a pipe, until nobody listens any more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_heard = True

    def send(self, *reports: Report) -> None:
        """Send reports, unless nobody listens any more."""
        data = b"".join(encode_report(report) for report in reports)
        while data and self._is_heard:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BrokenPipeError:
                self._is_heard = False
