"""Fills a recording: the recorder around a command or alone, a pipe, the sample streams of the demo."""
