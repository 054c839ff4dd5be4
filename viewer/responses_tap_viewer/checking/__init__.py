"""Checks what a user names, and the streams of recordings."""
