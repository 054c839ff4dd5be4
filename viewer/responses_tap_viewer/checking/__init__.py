"""Verdicts on what a person points at: once, again at every change, and renewed in a recording."""
