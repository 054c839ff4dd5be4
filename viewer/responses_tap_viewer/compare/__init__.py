"""Compares streams: two of them, the two sides of a gateway, or all of a recording by their shape."""
