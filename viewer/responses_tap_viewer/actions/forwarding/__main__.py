"""The process that forwards the streams of a recording, until its standard input ends."""

import json
import os
import signal
import sys

from responses_tap.errors import UnusableInput
from responses_tap_viewer.actions.forwarding.forwarder import Forwarder
from responses_tap_viewer.actions.forwarding.process import Report, Settings

_NICENESS = 10


def _main() -> int:
    os.nice(_NICENESS)
    for terminal_signal in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(terminal_signal, signal.SIG_IGN)  # it ends after the recorder
    try:
        forwarder = Forwarder(Settings(**json.loads(sys.argv[1])), _say)
    except UnusableInput as error:
        _say(Report("refused", str(error)))
        return 1
    _say(Report("ready", ""))
    forwarder.run(sys.stdin.fileno())
    return 0


def _say(report: Report) -> None:
    print(json.dumps(report), flush=True)  # noqa: T201 (the pipe to the recorder)


if __name__ == "__main__":
    sys.exit(_main())
