"""What a correct stream is. No I/O, no clock, no threads: bytes → frames → events → scopes → findings."""
