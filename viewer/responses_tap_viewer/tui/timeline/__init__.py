"""The timeline of one stream."""
