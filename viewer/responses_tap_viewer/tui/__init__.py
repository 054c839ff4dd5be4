"""The terminal UI: streams, their timelines, and what is behind each row."""

from responses_tap_viewer.tui.app import TapApp

__all__ = ["TapApp"]
