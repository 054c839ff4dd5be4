"""`python -m responses_tap.recorder DB SESSION SETTINGS SPOOL`: a worker process.

It inherits the descriptor SPOOL, from which it reads. The key of the masks comes in through stdin, and then a byte
whenever there is something to read; stdin ends with the proxy. Replies go out through stdout.
"""

import sys
from pathlib import Path

from responses_tap.recorder.recorder_settings import RecorderSettings
from responses_tap.recorder.worker_side.worker import run

db, session, settings, spool = sys.argv[1:]
sys.exit(run(Path(db), session, RecorderSettings.decode(settings), int(spool)))
