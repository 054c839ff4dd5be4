"""What fills a recording: the recorder around a command or alone, a pipe, the demo."""
