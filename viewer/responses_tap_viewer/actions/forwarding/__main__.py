"""The process that forwards the streams of a recording, until its standard input ends."""

import json
import os
import signal
import sys

from responses_tap.errors import UnusableInput
from responses_tap_viewer.actions.forwarding.forwarder import Forwarder
from responses_tap_viewer.actions.forwarding.forwarding_process import ForwardingReport, ForwardingSettings

_NICENESS = 10


def _main() -> int:
    os.nice(_NICENESS)
    for terminal_signal in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(terminal_signal, signal.SIG_IGN)  # it ends after the recorder
    try:
        forwarder = Forwarder(ForwardingSettings(**json.loads(sys.argv[1])), _say)
    except UnusableInput as error:
        _say(ForwardingReport("refused", str(error)))
        return 1
    _say(ForwardingReport("ready", ""))
    forwarder.run(sys.stdin.fileno())
    return 0


def _say(report: ForwardingReport) -> None:
    print(json.dumps(report), flush=True)  # noqa: T201 (the pipe to the recorder)


if __name__ == "__main__":
    sys.exit(_main())
