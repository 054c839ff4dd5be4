"""The verdict for engines that compute with Arrow: batches of streams in, a row for each finding out.

`check_batches` is a function of its batches and nothing else. Spark's `mapInArrow`, Ray Data's `map_batches`, Daft,
DuckDB and polars call it on as many cores and machines as they have; none of them is needed here. Needs pyarrow (the
extra `arrow`).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from responses_tap.formats import Damaged, UnrecognizedFormat
from responses_tap.formats.table_rows import BODIES, COLUMNS, stream_of
from responses_tap.protocol.findings import Finding
from responses_tap.protocol.profiles import DEFAULT_PROFILE, PROFILES
from responses_tap.stream.judging import by_response, checked, checker_for
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
    if not set(BODIES) & set(names):
        raise ValueError(f"needs a column `body` or `events`; there are {', '.join(names) or 'none'}")
    known = batch.select([name for name in COLUMNS if name in names])
    # A row at a time: as Python objects, bodies need twice their size.
    rows = (known.slice(n, 1).to_pylist()[0] for n in range(known.num_rows))
    return pa.array([list(_check_row(row, profile)) for row in rows], pa.list_(pa.struct(FINDINGS)))


def _check_row(row: _Row, profile: str) -> Iterator[dict[str, Any]]:
    source = str(row.get("source") or "")
    try:
        stream = stream_of(row)
        checker = checker_for(stream, profile)
        for _ in checked(stream, checker):
            pass
    except (Damaged, UnrecognizedFormat, ValueError) as error:
        yield {"source": source, "error": str(error)}
        return
    except Exception as error:  # noqa: BLE001 (a fault of ours must not end a job over millions of rows)
        yield {"source": source, "error": f"an internal error, {type(error).__name__}: {error}; please report it"}
        return
    eventless = {"index": 0, "state": state_of(stream.response.status, stream.response.body), "events": 0}
    for facts, findings in by_response(checker):
        yield from _rows({"source": source, **(facts or eventless)}, findings)


def _rows(facts: dict[str, Any], findings: list[Finding]) -> Iterator[dict[str, Any]]:
    if not findings:
        yield facts
    for finding in findings:
        found = finding.facts()
        yield facts | {name: found[name] for name in FINDINGS.names if name in found}
