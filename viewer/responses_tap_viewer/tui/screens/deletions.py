"""The streams that the user has deleted: hidden until the screen closes, and removed only then."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from responses_tap.errors import RecordingError, UnusableInput
from responses_tap_viewer.actions.annotating import require_writable
from responses_tap_viewer.actions.removing import remove_named


class Deletions:
    """What is to be removed, in the order in which it was deleted."""

    def __init__(self) -> None:
        self._deleted: list[tuple[Path, int]] = []

    def __len__(self) -> int:
        return len(self._deleted)

    def add(self, path: Path, stream_id: int) -> None:
        """Delete a stream; RecordingError where its recording cannot be written."""
        require_writable(path)
        self._deleted.append((path, stream_id))

    def undo(self) -> int | None:
        """Take back the last one; its id, None where there is none."""
        return self._deleted.pop()[1] if self._deleted else None

    def ids(self, path: Path) -> set[int]:
        """The ids of the streams that are deleted in a recording."""
        return {stream_id for deleted_in, stream_id in self._deleted if deleted_in == path}

    def carry_out(self) -> Iterator[str]:
        """Remove them; a line for each recording: what was removed, or why not."""
        by_path = defaultdict(list)
        for path, stream_id in self._deleted:
            by_path[path].append(f"{path}#{stream_id}")
        self._deleted.clear()
        for names in by_path.values():
            try:
                yield from remove_named(names)
            except (RecordingError, UnusableInput) as error:
                yield f"nothing was deleted: {error}"
