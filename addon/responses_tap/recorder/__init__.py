"""The recorder: a process of its own that turns what a proxy saw into rows of a recording.

In the proxy (`proxy_side`) a `WorkerSupervisor` gives out a `Tap` for each flow. It puts requests, headers and chunks,
each with its time, into a `SendQueue`, from which they go in batches through a pipe (`messages`), on the proxy's own
thread, which never waits for it. In the worker (`python -m responses_tap.recorder`, `worker_side`) one `StreamRecorder`
for each flow undoes the content-encoding, cuts the body into frames, has them checked, and hands the rows to the store.
Notices and acknowledgements come back through a second pipe. The worker outlives a killed proxy.
"""
