"""The terminal UI: streams, their timelines, and what is behind each row."""
