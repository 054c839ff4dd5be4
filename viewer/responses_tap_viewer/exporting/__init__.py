"""Streams on their way out: in which format, without which content, and without secrets."""
