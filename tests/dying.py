"""Programs that are killed while they write a dataset."""

DIES = """
    put = Dataset._put
    def dies(self, path, rows):
        left[0] -= 1
        put(self, path, rows)
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    Dataset._put = dies
"""
"""Has the process killed once it has written `left[0]` more files; never for 0."""
