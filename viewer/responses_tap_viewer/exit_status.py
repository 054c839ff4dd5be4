"""The exit statuses that mean the same in every command. It imports nothing: the program begins with it."""

UNUSABLE = 2
"""Unusable input, as for wrong usage."""
INTERRUPTED = 130
"""Ctrl-C, before the command had its answer: the status of a shell's command that SIGINT has ended."""
TERMINATED = 143
"""SIGTERM, as CI ends a job, before the command had its answer: likewise."""
