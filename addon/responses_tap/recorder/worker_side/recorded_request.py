"""The request of a stream that is being recorded: what later decisions need of it, and its body while that arrives."""

from collections.abc import Mapping

from responses_tap.protocol.request_facts import NOTHING_KNOWN, RequestFacts, facts_of
from responses_tap.recorder.messages import RequestMessage
from responses_tap.recorder.worker_side.upload import Upload
from responses_tap.store.writer import Writer
from responses_tap.stream.storable import Value, storable_text
from responses_tap.urls import continued_response


class RecordedRequest:
    """A request."""

    def __init__(self, url: str, *, names_model: bool = True, facts: RequestFacts = NOTHING_KNOWN) -> None:
        self.url = url
        self.names_model = names_model
        """Whether the row's model is the one that was asked for; else it is the one that the server names."""
        self.facts = facts
        """What it asks for, as rules ask about it."""
        self.is_upload = False
        """Whether its body arrives in pieces."""
        self.continues: str | None = None
        """The response that it takes up again, until the two streams are linked."""
        self._upload: Upload | None = None

    @classmethod
    def of(cls, columns: Mapping[str, Value]) -> "RecordedRequest":
        """The request of which a row says this."""
        request = cls(str(columns["url"]))
        request._know_body(columns)
        return request

    def begin(self, stream: int, request: RequestMessage, writer: Writer) -> None:
        """Its stream has begun: follow what the message announces."""
        self.continues = continued_response(self.url)
        if request.is_upload:
            self.is_upload, self._upload = True, Upload(stream, request, writer)

    def take(self, data: bytes) -> None:
        """Take a piece of its body."""
        if self._upload is not None:
            self._upload.take(data)

    def finish(self, size: int) -> tuple[dict[str, Value], bytes] | None:
        """All of its body was sent: what the row says of it, and its digest; None where not all of it came here."""
        upload, self._upload = self._upload, None
        if upload is None or upload.size != size:
            return None
        columns = upload.columns()
        self._know_body(columns)
        return columns, upload.digest

    @property
    def unfinished(self) -> dict[str, Value]:
        """What the row says of a body whose end has not come."""
        return {} if self._upload is None else self._upload.columns()

    def _know_body(self, columns: Mapping[str, Value]) -> None:
        self.names_model = columns["model"] is not None
        self.facts = facts_of(self.url, storable_text(columns["request_body"]))
