"""Compares streams: two of them, both sides of a gateway, all of a recording by their shape."""
