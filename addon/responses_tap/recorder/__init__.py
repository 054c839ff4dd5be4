"""The recorder: a process of its own that turns what a proxy saw into rows of a recording.

In the proxy (`proxy_side`) a `WorkerSupervisor` gives out a `Tap` for each flow. It appends requests, headers and
chunks, each with its time, to the `spool`, on the proxy's own thread, which never waits. In the worker (`python -m
responses_tap.recorder`, `worker_side`) a `SpoolReader` reads them, one `StreamRecorder` for each flow undoes the
content-encoding, cuts the body into frames, has them checked, and hands the rows to the store. With the rows it commits
the offset up to which they go; another worker reads on from there if it dies. Notices come back through a pipe. The
worker outlives a killed proxy, and so does what waits.
"""
