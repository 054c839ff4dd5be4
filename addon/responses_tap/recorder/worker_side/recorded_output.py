"""The output of a response, as the requests after it may repeat it: with secrets masked."""

from typing import Any

from responses_tap.privacy.body_masking import as_text
from responses_tap.privacy.masking import Masker
from responses_tap.privacy.masks import alike
from responses_tap.protocol.events import Event, json_object, read
from responses_tap.protocol.sse import Frame
from responses_tap.stream.conversation import OUTPUT_TYPES, OutputItems, written


class RecordedOutput(OutputItems):
    """Output items, taken from what is recorded."""

    def __init__(self, masker: Masker) -> None:
        super().__init__()
        self._masker = masker

    def take_event(self, event: Event) -> None:
        """Take an event of any type."""
        if event.type in OUTPUT_TYPES:
            self.take(event)

    def take_frame(self, frame: Frame, position: int, response: int) -> None:
        """Take the frame of an event, and where it stands."""
        event = read(frame.data or b"")
        event.position, event.response = position, response
        self.take_event(event)

    def take_document(self, body: bytes) -> None:
        """Take a response that isn't streamed."""
        self.complete(json_object(as_text(body)))

    def as_repeated(self, item: dict[str, Any]) -> dict[str, Any]:
        """The item, with its secrets masked like those of a request's body."""
        return json_object(alike(self._masker.body(written(item)))) or item
