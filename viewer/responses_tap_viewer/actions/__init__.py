"""What a command and a key of the terminal UI both do: record, export, replay, remove, check again."""
