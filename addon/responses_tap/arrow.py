"""The verdict for engines that compute with Arrow: batches of streams in, a row for each finding out.

`check_batches` is a function of its batches and nothing else. Spark's `mapInArrow`, Ray Data's `map_batches`, Daft,
DuckDB and polars call it on as many cores and machines as they have; none of them is needed here. Needs pyarrow (the
extra `arrow`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from responses_tap.formats import Damaged, UnrecognizedFormat
from responses_tap.formats.exchanges import decoded
from responses_tap.formats.json_events import read_lines
from responses_tap.formats.raw import read, refuse_foreign
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import DEFAULT_PROFILE, PROFILES
from responses_tap.protocol.sse import looks_like_events
from responses_tap.stream.columns import Headers, header
from responses_tap.stream.file_values import optional_text, status, text
from responses_tap.stream.judging import checked, checker_for
from responses_tap.stream.model import Request, Response, Stream
from responses_tap.stream.states import state_of

FINDINGS = pa.schema(
    [
        pa.field("source", pa.string()),
        pa.field("index", pa.int32()),  # which response of its body it is, 0-based
        pa.field("response_id", pa.string()),
        pa.field("model", pa.string()),
        pa.field("state", pa.string()),
        pa.field("events", pa.int64()),
        pa.field("error", pa.string()),  # why the row couldn't be read; then everything else but `source` is null
        pa.field("code", pa.string()),  # null where the response has no finding
        pa.field("name", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("position", pa.int64()),
        pa.field("count", pa.int64()),
        pa.field(
            "scope",
            pa.struct(
                [
                    pa.field(name, pa.int64())
                    for name in ("output_index", "content_index", "summary_index", "command_index")
                ]
            ),
        ),
        pa.field("message", pa.string()),
    ]
)
"""What comes out. The fields are those of `check --format json`; later versions only append to them."""

_BODIES = ("body", "events")
_OTHERS = ("source", "url", "status", "request_headers", "response_headers", "request_body", "started_at")

type _Row = Mapping[str, Any]


def check_batches(batches: Iterable[pa.RecordBatch], profile: str = DEFAULT_PROFILE) -> pa.RecordBatchReader:
    """The findings of the streams in these batches: for each batch one of `FINDINGS`, made when it is asked for.

    A row has its stream in `body` (binary or string, as it came over the wire), or in `events` (a list of strings, each
    an event in JSON). `source` names it. What is known of its request and response may stand in `url`, `status`,
    `request_headers`, `response_headers` (a map, a list of name and value, or either in JSON), `request_body` and
    `started_at`; other columns are ignored.

    A response without findings is one row whose `code` is null, a stream that can't be read is one whose `error` says
    why. Raises KeyError for a profile that doesn't exist, ValueError for batches without `body` and `events`.
    """
    PROFILES[profile]  # before a batch is asked for
    return pa.RecordBatchReader.from_batches(FINDINGS, map(_flat, (findings_of(b, profile) for b in batches)))


def _flat(findings: pa.ListArray) -> pa.RecordBatch:
    return pa.RecordBatch.from_struct_array(findings.flatten())


def findings_of(batch: pa.RecordBatch, profile: str = DEFAULT_PROFILE) -> pa.ListArray:
    """The findings of the streams in a batch, a list of structs with the fields of `FINDINGS` for each row.

    For engines that map columns, not batches; otherwise as `check_batches`.
    """
    names = batch.schema.names
    if not set(_BODIES) & set(names):
        raise ValueError(f"needs a column `body` or `events`; there are {', '.join(names) or 'none'}")
    known = batch.select([name for name in (*_OTHERS, *_BODIES) if name in names])
    # A row at a time: as Python objects, bodies need twice their size.
    rows = (known.slice(n, 1).to_pylist()[0] for n in range(known.num_rows))
    return pa.array([list(_check_row(row, profile)) for row in rows], pa.list_(pa.struct(FINDINGS)))


def _check_row(row: _Row, profile: str) -> Iterator[dict[str, Any]]:
    source = str(row.get("source") or "")
    try:
        stream = _stream(row)
        checker = checker_for(stream, profile)
        for _ in checked(stream, checker):
            pass
    except (Damaged, UnrecognizedFormat, ValueError) as error:
        yield {"source": source, "error": str(error)}
        return
    except Exception as error:  # noqa: BLE001 (a fault of ours must not end a job over millions of rows)
        yield {"source": source, "error": f"an internal error, {type(error).__name__}: {error}; please report it"}
        return
    for response in checker.responses:
        facts = {
            "source": source,
            "index": response.index,
            "response_id": response.id,
            "model": response.model,
            "state": response.state,
            "events": response.events,
        }
        mine = [finding for finding in checker.findings if finding.response == response.index]
        yield from _rows(facts, mine)
    if not checker.responses:
        state = state_of(stream.response.status, stream.response.body)
        yield from _rows({"source": source, "index": 0, "state": state, "events": 0}, checker.findings)


def _rows(facts: dict[str, Any], findings: list[Finding]) -> Iterator[dict[str, Any]]:
    if not findings:
        yield facts
    for finding in findings:
        found = finding.facts()
        yield facts | {name: found[name] for name in FINDINGS.names if name in found}


def _stream(row: _Row) -> Stream:
    request = Request(
        url=text(row.get("url") or ""),
        headers=_headers(row.get("request_headers")),
        body=_text(row.get("request_body")),
        started_at=optional_text(row.get("started_at") and str(row["started_at"])),
    )
    response = Response(status(row.get("status")), _headers(row.get("response_headers")))
    events, body = row.get("events"), row.get("body")
    if events is not None:
        stream = read_lines(event.encode(errors="replace") + b"\n" for event in events if event is not None)
    elif body is not None:
        stream = _stream_of(body.encode(errors="replace") if isinstance(body, str) else bytes(body), response)
    else:
        raise UnrecognizedFormat("has neither `body` nor `events`")
    return Stream(
        stream.frames,
        request=request,
        response=Response(response.status, response.headers, stream.response.body),
        framed=stream.framed,
        lacks=stream.lacks,
    )


def _stream_of(body: bytes, response: Response) -> Stream:
    """The stream in a body; whatever isn't an event stream is judged as a body where the response's head is known."""
    body = decoded(body, header(response.headers, "content-encoding"))
    if looks_like_events(body):
        return read(iter([body]))
    if body.lstrip()[:1] != b"{" and response == Response():
        refuse_foreign(body)
        raise UnrecognizedFormat("isn't an event stream")
    return Stream(response=Response(body=body))


def _headers(value: Any) -> Headers:  # noqa: ANN401 (Arrow, or JSON)
    """Headers as engines keep them; ValueError where they are something else."""
    if isinstance(value, str):
        value = json.loads(value or "[]")
    if isinstance(value, Mapping):
        value = list(value.items())
    pairs = [tuple(pair.values()) if isinstance(pair, Mapping) else pair for pair in value or ()]
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):  # noqa: PLR2004 (a pair)
        raise ValueError("has headers that aren't pairs of name and value")
    return tuple((text(name), text(content)) for name, content in pairs)


def _text(value: object) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else optional_text(value)
