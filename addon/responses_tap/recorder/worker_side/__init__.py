"""The recorder's half in a process of its own: turns messages into rows of a recording."""
