"""The request of a stream that is being recorded: what later decisions need of it, and its body while that arrives."""

import json
from collections.abc import Mapping

from responses_tap.privacy.masks import alike
from responses_tap.protocol.request_facts import NOTHING_KNOWN, RequestFacts, facts_of
from responses_tap.recorder.messages import RequestMessage
from responses_tap.recorder.worker_side.upload import Upload
from responses_tap.store.writer import Writer
from responses_tap.stream.columns import Headers, StreamRow
from responses_tap.stream.conversation import RequestClues, clues_of
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
        self.clues = RequestClues()
        """What it says of its conversation."""
        self.is_upload = False
        """Whether its body arrives in pieces."""
        self.continues: str | None = None
        """The response that it takes up again, until the two streams are linked."""
        self._upload: Upload | None = None
        self._headers: Headers = ()

    @classmethod
    def of(cls, columns: Mapping[str, Value]) -> "RecordedRequest":
        """The request of which a row says this."""
        headers = tuple(map(tuple, json.loads(str(columns.get("request_headers") or "[]"))))
        return cls._known(columns, headers)

    @classmethod
    def restored(cls, row: StreamRow) -> "RecordedRequest":
        """The request of a row."""
        return cls._known({"url": row.url, "model": row.model, "request_body": row.request_body}, row.request_headers)

    @classmethod
    def _known(cls, columns: Mapping[str, Value], headers: Headers) -> "RecordedRequest":
        request = cls(str(columns["url"]))
        request._headers = headers
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
        body = storable_text(columns["request_body"])
        self.facts = facts_of(self.url, body)
        self.clues = clues_of(self._headers, body and alike(body))
