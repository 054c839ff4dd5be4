"""The recorder: a process of its own that turns what a proxy saw into rows of a recording.

In the proxy a `Feeder` takes requests, headers and chunks, each with its time, and sends them in batches through
a pipe (`messages`). In the worker (`python -m responses_tap.recorder`, module `worker`) one `LiveStream` for each
flow undoes the content-encoding (`coding`), cuts the body into frames, has them checked, and hands the rows to
the store. Notices and acknowledgements come back through a second pipe. The worker outlives a killed proxy.
"""

from responses_tap.recorder.feeder import Feeder, Tap
from responses_tap.recorder.messages import FileBegun, FindingMade, Hint, Notice, StreamFinished, StreamStarted, Trouble

__all__ = ["Feeder", "FileBegun", "FindingMade", "Hint", "Notice", "StreamFinished", "StreamStarted", "Tap", "Trouble"]
