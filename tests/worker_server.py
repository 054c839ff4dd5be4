"""`python worker_server.py DESCRIPTOR`: forks recorders' workers, which then need not import anything.

For each it gets, over the socket DESCRIPTOR, the arguments as JSON and the descriptors of stdin, stdout, a pipe for the
exit status, and the spool; it answers with the process's id.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path

from responses_tap.recorder.recorder_settings import RecorderSettings
from responses_tap.recorder.worker_side.worker import run


def serve(channel: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the pipe has the status
    while True:
        data, given, *_ = socket.recv_fds(channel, 2**16, 4)
        if not data:
            return
        if pid := os.fork():
            for descriptor in given:
                os.close(descriptor)
            channel.send(str(pid).encode())
        else:
            channel.close()
            _work(json.loads(data), *given)


def _work(arguments: list[str], stdin: int, stdout: int, status: int, spool: int) -> None:
    os.setpgid(0, 0)
    for given, standard in ((stdin, 0), (stdout, 1), (stdout, 2)):
        os.dup2(given, standard)
    os.close(stdin)
    os.close(stdout)
    db, session, settings = arguments
    code = 1
    try:
        code = run(Path(db), session, RecorderSettings.decode(settings), spool)
    finally:
        os.write(status, str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
