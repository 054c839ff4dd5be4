"""`python -m responses_tap.recorder DB PROFILE SESSION ONLY MAX_SIZE KEEP DEATHS`: a worker process.

The key of the masks, then batches come in through stdin, replies go out through stdout.
"""

import sys
from pathlib import Path

from responses_tap.recorder.worker_side.worker import run

db, profile, session, only, max_size, keep, deaths = sys.argv[1:]
sys.exit(run(Path(db), profile, session, only, int(max_size), keep, is_careful=int(deaths) > 0))
