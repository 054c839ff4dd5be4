"""`python -m responses_tap.recorder DB PROFILE SESSION ONLY MAX_SIZE KEEP`: a worker, which its feeder starts.

The key of the masks, then batches come in through stdin, reports go out through stdout.
"""

import sys
from pathlib import Path

from responses_tap.recorder.worker import run

db, profile, session, only, max_size, keep = sys.argv[1:]
sys.exit(run(Path(db), profile=profile, session=session, only=only, max_size=int(max_size), keep=keep))
