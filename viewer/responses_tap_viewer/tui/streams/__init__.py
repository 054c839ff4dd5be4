"""The list of streams: its rows, columns, groups and filter."""
