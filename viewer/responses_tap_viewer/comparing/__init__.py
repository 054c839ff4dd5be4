"""Streams held against each other: two of them, two taps of one, all of a recording by their shape."""
