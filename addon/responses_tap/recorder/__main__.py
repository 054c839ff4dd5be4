"""`python -m responses_tap.recorder DB PROFILE SESSION`: batches in through stdin, reports out through stdout."""

import sys
from pathlib import Path

from responses_tap.recorder.worker import run

sys.exit(run(Path(sys.argv[1]), profile=sys.argv[2], session=sys.argv[3]))
