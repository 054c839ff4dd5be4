"""What commands and keys of the terminal UI share: record, export, replay, remove, recheck."""
