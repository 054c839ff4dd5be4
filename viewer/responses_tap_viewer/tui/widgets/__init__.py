"""Widgets that several rooms share, one a file."""
