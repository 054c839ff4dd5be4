"""Hands recorded streams on while they are recorded: to a dataset, to an OpenTelemetry collector.

It happens in a process of its own, which reads the recording as `view` does: whatever it waits for, the recorder waits
for nothing.
"""
