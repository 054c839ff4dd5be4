"""A stream: what it consists of, how it is judged, and how it is drawn."""
