"""Two streams side by side."""
