"""What keeps content from leaving with a stream: redaction, and the search for secrets."""
