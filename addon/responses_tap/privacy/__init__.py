"""What must not reach the disk, or leave: credentials are masked, content is redacted."""
