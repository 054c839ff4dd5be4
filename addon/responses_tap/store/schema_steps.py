"""The schema of a recording, step by step. `migrations` takes the steps, readers only need their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_utils import Database

STEPS_TABLE = "_sqlite_migrations"
"""Where sqlite-utils notes which steps were taken."""
STEPS_SET = "responses-tap"
"""What it calls them there."""


def m001_initial(db: Database) -> None:
    """Streams, chunks, events, findings, verdicts, and the views over them."""
    for statement in (*_TABLES, *_VIEWS):
        db.execute(statement)


def m002_sockets(db: Database) -> None:
    """WebSockets, whose responses are streams; and what links a stream to an earlier one."""
    for statement in _M002:
        db.execute(statement)


def m003_wire(db: Database) -> None:
    """What arrived over the wire for open streams, where it cannot be derived from their frames."""
    db.execute(_WIRE)


def m004_response_index(db: Database) -> None:
    """Streams by their response, for those that continue one."""
    db.execute("CREATE INDEX streams_response ON streams (response_id) WHERE response_id IS NOT NULL")


def m005_tails_in_pieces(db: Database) -> None:
    """The beginning of a large frame grows piece by piece, without being rewritten each time."""
    for statement in _M005:
        db.execute(statement)


def m006_uploads(db: Database) -> None:
    """The base64 in the body of a large request, until its stream has ended; and bodies at the end of their row.

    What follows a body in its row can only be read past all the body's pages; and a zero-filled blob, to be written
    piece by piece, is held in memory by SQLite unless it is the last column. A recording with streams stays as it is.
    """
    db.execute("CREATE TABLE uploads (stream INTEGER NOT NULL, part INTEGER NOT NULL, raw BLOB NOT NULL)")
    db.execute("CREATE INDEX uploads_stream ON uploads (stream)")
    if not db.execute("SELECT 1 FROM streams LIMIT 1").fetchone():
        for statement in _BODIES_LAST:
            db.execute(statement)


def m007_no_mask_key(db: Database) -> None:
    """The key of the masks exists only in the recorder's memory: next to them, it would let anybody test a guess."""
    db.execute("DELETE FROM meta WHERE key = 'mask_key'")


def m008_strict(db: Database) -> None:
    """STRICT tables: SQLite rejects values not of a column's type. Existing values are converted.

    The views are unaffected: with the legacy ALTER TABLE they keep referring to the same names.
    """
    db.execute("PRAGMA legacy_alter_table = ON")
    for table, columns in STRICT_TABLES.items():
        db.execute(f"ALTER TABLE {table} RENAME TO old_{table}")
        db.execute(f"CREATE TABLE {table} {columns}")
        found = db.execute(f"SELECT name, type, \"notnull\" FROM pragma_table_info('{table}')").fetchall()  # noqa: S608
        _refill(db, table, {name: _fitting(name, type_, is_required) for name, type_, is_required in found})
    for statement in _INDEXES:
        db.execute(statement)
    db.execute("PRAGMA legacy_alter_table = OFF")


def m009_finding_fields(db: Database) -> None:
    """The fields of an event that a finding is about; unknown for earlier findings."""
    db.execute("ALTER TABLE findings ADD COLUMN fields TEXT NOT NULL DEFAULT '[]'")  # JSON: a list of paths


def m010_conversations(db: Database) -> None:
    """The turns of conversations: what links them, and what they are about. Unknown for earlier streams, until recheck.

    The new columns come before the bodies, as in m006: rows are read as far as what is asked for.
    """
    db.execute("PRAGMA legacy_alter_table = ON")
    names = [row[0] for row in db.execute("SELECT name FROM pragma_table_info('streams')").fetchall()]
    db.execute("ALTER TABLE streams RENAME TO old_streams")
    head, bodies = STRICT_TABLES["streams"].split("request_headers TEXT NOT NULL", 1)
    db.execute(f"CREATE TABLE streams {head}{_TURN_COLUMNS}request_headers TEXT NOT NULL{bodies}")
    _refill(db, "streams", dict(zip(names, names, strict=True)))
    for table, columns in TURN_TABLES.items():
        db.execute(f"CREATE TABLE {table} {columns}")
    for statement in (*_INDEXES[:2], *_M010):
        db.execute(statement)
    db.execute("PRAGMA legacy_alter_table = OFF")


STEPS = (
    m001_initial,
    m002_sockets,
    m003_wire,
    m004_response_index,
    m005_tails_in_pieces,
    m006_uploads,
    m007_no_mask_key,
    m008_strict,
    m009_finding_fields,
    m010_conversations,
)
"""All steps, in order."""


def _refill(db: Database, table: str, values: Mapping[str, str]) -> None:
    """Move the rows of a table that was renamed to `old_…` into the new one; `values`: the SQL of each column."""
    columns, found = ", ".join(values), ", ".join(values.values())
    db.execute(f"INSERT OR IGNORE INTO {table} ({columns}) SELECT {found} FROM old_{table}")  # noqa: S608 (ours)
    db.execute(f"DROP TABLE old_{table}")


def _fitting(column: str, type_: str, is_required: int) -> str:
    """The SQL that converts a column's value to its type: numbers are truncated to integers, the rest is NULL or 0."""
    if type_ == "ANY":
        return column
    as_integer = f"CASE typeof({column}) WHEN 'integer' THEN {column} WHEN 'real' THEN CAST({column} AS INTEGER) END"
    value = as_integer if type_ == "INTEGER" else f"CAST({column} AS {type_})"
    return f"coalesce({value}, CAST(0 AS {type_}))" if is_required else value


_TABLES = (
    """
    CREATE TABLE streams (
      id INTEGER PRIMARY KEY,
      method TEXT NOT NULL, url TEXT NOT NULL, host TEXT NOT NULL, route TEXT NOT NULL,
      http_version TEXT NOT NULL, model TEXT,
      request_headers TEXT NOT NULL,   -- JSON: a list of [name, value]; secrets masked
      request_body TEXT,               -- secrets masked
      status INTEGER, response_headers TEXT, content_encoding TEXT, response_id TEXT,
      started_at TEXT NOT NULL,        -- ISO 8601, UTC, microseconds
      first_byte_ns INTEGER, last_byte_ns INTEGER, end_ns INTEGER,  -- nanoseconds since started_at
      state TEXT NOT NULL,             -- open, completed, incomplete, failed, truncated, http-error
      ended_by TEXT,                   -- server, client, network, recorder, unknown
      end_reason TEXT,
      attempt INTEGER NOT NULL DEFAULT 0,
      event_count INTEGER, input_tokens INTEGER, output_tokens INTEGER, wire_size INTEGER,
      shape TEXT, source TEXT NOT NULL DEFAULT 'captured', mark TEXT, note TEXT,
      response_body BLOB               -- an answer that is no event stream, content-decoded
    )
    """,
    # Small rows, grouped by stream: without a rowid they take half the space.
    """
    CREATE TABLE chunks (
      stream INTEGER NOT NULL, n INTEGER NOT NULL, at_ns INTEGER NOT NULL, wire_size INTEGER NOT NULL,
      offset INTEGER NOT NULL, size INTEGER NOT NULL,  -- in the decoded body
      PRIMARY KEY (stream, n)
    ) WITHOUT ROWID
    """,
    # With a rowid: many streams at once append at the end, where rows sorted by stream would split pages
    # and leave a third of them empty.
    """
    CREATE TABLE events (
      stream INTEGER NOT NULL, n INTEGER NOT NULL, position INTEGER, at_ns INTEGER NOT NULL,
      chunk INTEGER NOT NULL, type TEXT, sequence_number INTEGER, output_index INTEGER,
      content_index INTEGER, summary_index INTEGER, item_id TEXT, response INTEGER NOT NULL DEFAULT 0,
      raw BLOB NOT NULL,
      PRIMARY KEY (stream, n)
    )
    """,
    # The beginning of an unfinished frame; it becomes the last event if the stream ends there.
    "CREATE TABLE tails (stream INTEGER PRIMARY KEY, raw BLOB NOT NULL)",
    """
    CREATE TABLE findings (
      stream INTEGER NOT NULL, response INTEGER NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL,
      severity TEXT NOT NULL, position INTEGER, scope TEXT NOT NULL, message TEXT NOT NULL, missing TEXT,
      count INTEGER NOT NULL, evidence TEXT NOT NULL  -- scope and evidence: JSON
    )
    """,
    "CREATE INDEX findings_stream ON findings (stream)",
    """
    CREATE TABLE verdicts (
      stream INTEGER PRIMARY KEY, rules TEXT NOT NULL, profile TEXT NOT NULL,
      error INTEGER NOT NULL, warning INTEGER NOT NULL, note INTEGER NOT NULL, first_code TEXT
    )
    """,
    # The key of the masks, how far a session has been written, the open flows.
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
)

# A piece of a body that is content-encoded, or isn't an event stream, until the stream has ended: a worker that takes
# over from a dead one needs it.
_WIRE = "CREATE TABLE wire (stream INTEGER NOT NULL, n INTEGER NOT NULL, raw BLOB NOT NULL, PRIMARY KEY (stream, n))"

_M005 = (
    "ALTER TABLE tails RENAME TO old_tails",
    "CREATE TABLE tails (stream INTEGER NOT NULL, raw BLOB NOT NULL)",  # the pieces in the order of their rowid
    "INSERT INTO tails SELECT stream, raw FROM old_tails",
    "DROP TABLE old_tails",
    "CREATE INDEX tails_stream ON tails (stream)",
)

_BODIES_LAST = (
    "DROP TABLE streams",
    """
    CREATE TABLE streams (
      id INTEGER PRIMARY KEY,
      method TEXT NOT NULL, url TEXT NOT NULL, host TEXT NOT NULL, route TEXT NOT NULL,
      http_version TEXT NOT NULL, model TEXT,
      status INTEGER, content_encoding TEXT, response_id TEXT,
      started_at TEXT NOT NULL,        -- ISO 8601, UTC, microseconds
      first_byte_ns INTEGER, last_byte_ns INTEGER, end_ns INTEGER,  -- nanoseconds since started_at
      state TEXT NOT NULL,             -- open, completed, incomplete, failed, truncated, http-error
      ended_by TEXT,                   -- server, client, network, recorder, unknown
      end_reason TEXT,
      attempt INTEGER NOT NULL DEFAULT 0,
      event_count INTEGER, input_tokens INTEGER, output_tokens INTEGER, wire_size INTEGER,
      shape TEXT, source TEXT NOT NULL DEFAULT 'captured', mark TEXT, note TEXT,
      socket INTEGER,
      socket_ns INTEGER,               -- the stream's started_at, nanoseconds since the socket's
      continues INTEGER,               -- the stream whose response a client took up again here
      retry_of INTEGER,                -- the stream of the attempt before this one
      request_headers TEXT NOT NULL,   -- JSON: a list of [name, value]; secrets masked
      response_headers TEXT,
      request_body TEXT,               -- secrets masked; a BLOB where it was too large to be in memory
      response_body BLOB               -- an answer that is no event stream, content-decoded
    )
    """,
    "CREATE INDEX streams_response ON streams (response_id) WHERE response_id IS NOT NULL",
    "CREATE INDEX streams_socket ON streams (socket) WHERE socket IS NOT NULL",
)

STRICT_TABLES = {
    "streams": """(
      id INTEGER PRIMARY KEY,
      method TEXT NOT NULL, url TEXT NOT NULL, host TEXT NOT NULL, route TEXT NOT NULL,
      http_version TEXT NOT NULL, model TEXT,
      status INTEGER, content_encoding TEXT, response_id TEXT,
      started_at TEXT NOT NULL,        -- ISO 8601, UTC, microseconds
      first_byte_ns INTEGER, last_byte_ns INTEGER, end_ns INTEGER,  -- nanoseconds since started_at
      state TEXT NOT NULL,             -- open, completed, incomplete, failed, truncated, http-error
      ended_by TEXT,                   -- server, client, network, recorder, unknown
      end_reason TEXT,
      attempt INTEGER NOT NULL DEFAULT 0,
      event_count INTEGER, input_tokens INTEGER, output_tokens INTEGER, wire_size INTEGER,
      shape TEXT, source TEXT NOT NULL DEFAULT 'captured', mark TEXT, note TEXT,
      socket INTEGER,
      socket_ns INTEGER,               -- the stream's started_at, nanoseconds since the socket's
      continues INTEGER,               -- the stream whose response a client took up again here
      retry_of INTEGER,                -- the stream of the attempt before this one
      request_headers TEXT NOT NULL,   -- JSON: a list of [name, value]; secrets masked
      response_headers TEXT,
      request_body ANY,                -- TEXT, secrets masked; a BLOB where it was too large to be in memory
      response_body BLOB               -- an answer that is no event stream, content-decoded
    ) STRICT""",
    "chunks": """(
      stream INTEGER NOT NULL, n INTEGER NOT NULL, at_ns INTEGER NOT NULL, wire_size INTEGER NOT NULL,
      offset INTEGER NOT NULL, size INTEGER NOT NULL,  -- in the decoded body
      PRIMARY KEY (stream, n)
    ) STRICT, WITHOUT ROWID""",
    "events": """(
      stream INTEGER NOT NULL, n INTEGER NOT NULL, position INTEGER, at_ns INTEGER NOT NULL,
      chunk INTEGER NOT NULL, type TEXT, sequence_number INTEGER, output_index INTEGER,
      content_index INTEGER, summary_index INTEGER, item_id TEXT, response INTEGER NOT NULL DEFAULT 0,
      raw BLOB NOT NULL,
      PRIMARY KEY (stream, n)
    ) STRICT""",
    "tails": "(stream INTEGER NOT NULL, raw BLOB NOT NULL) STRICT",
    "wire": "(stream INTEGER NOT NULL, n INTEGER NOT NULL, raw BLOB NOT NULL, PRIMARY KEY (stream, n)) STRICT",
    "uploads": "(stream INTEGER NOT NULL, part INTEGER NOT NULL, raw BLOB NOT NULL) STRICT",
    "findings": """(
      stream INTEGER NOT NULL, response INTEGER NOT NULL, code TEXT NOT NULL, name TEXT NOT NULL,
      severity TEXT NOT NULL, position INTEGER, scope TEXT NOT NULL, message TEXT NOT NULL, missing TEXT,
      count INTEGER NOT NULL, evidence TEXT NOT NULL  -- scope and evidence: JSON
    ) STRICT""",
    "verdicts": """(
      stream INTEGER PRIMARY KEY, rules TEXT NOT NULL, profile TEXT NOT NULL,
      error INTEGER NOT NULL, warning INTEGER NOT NULL, note INTEGER NOT NULL, first_code TEXT
    ) STRICT""",
    "sockets": """(
      id INTEGER PRIMARY KEY,
      url TEXT NOT NULL, host TEXT NOT NULL, http_version TEXT NOT NULL, request_headers TEXT NOT NULL,
      status INTEGER, response_headers TEXT,
      started_at TEXT NOT NULL,        -- ISO 8601, UTC, microseconds
      end_ns INTEGER, ended_by TEXT, end_reason TEXT, close_code INTEGER, close_reason TEXT
    ) STRICT""",
    "client_events": """(
      socket INTEGER NOT NULL, at_ns INTEGER NOT NULL,  -- nanoseconds since the socket's started_at
      stream INTEGER,                  -- the one that it is about
      body TEXT NOT NULL,              -- secrets masked
      PRIMARY KEY (socket, at_ns)
    ) STRICT, WITHOUT ROWID""",
    "meta": "(key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID",
}
"""The tables as m008 makes them: name, and columns in SQL."""

_TURN_COLUMNS = """previous_response_id TEXT,
      conversation TEXT,               -- how the client names it, or the id of its first stream
      turn INTEGER,                    -- from 1; another attempt is the same turn
      follows INTEGER,                 -- the stream of the turn before
      prompt TEXT,                     -- the first words of the newest message or results; secrets masked
      tools TEXT,                      -- the tools that the response calls, with commas between them
      """

TURN_TABLES = {
    "output_items": """(
      stream INTEGER NOT NULL, n INTEGER NOT NULL, output_index INTEGER NOT NULL,
      position INTEGER,                -- of the event that has it whole
      type TEXT NOT NULL, item_id TEXT, call_id TEXT, tool TEXT,
      result INTEGER,                  -- the stream whose request brings the result of this call
      PRIMARY KEY (stream, n)
    ) STRICT, WITHOUT ROWID""",
    "histories": """(
      stream INTEGER PRIMARY KEY,
      digest TEXT NOT NULL             -- of the request's input and the output
    ) STRICT""",
}
"""The tables that m010 adds, like STRICT_TABLES."""

_M010 = (
    "CREATE INDEX streams_conversation ON streams (conversation, turn) WHERE conversation IS NOT NULL",
    "CREATE INDEX output_items_item ON output_items (item_id) WHERE item_id IS NOT NULL",
    "CREATE INDEX output_items_call ON output_items (call_id) WHERE call_id IS NOT NULL",
    "CREATE INDEX output_items_result ON output_items (result) WHERE result IS NOT NULL",
    "CREATE INDEX histories_digest ON histories (digest)",
    """
    CREATE VIEW conversations AS
      SELECT conversation, min(streams.id) AS first_stream, max(turn) AS turns, count(*) AS streams,
        min(started_at) AS started_at, sum(end_ns) / 1e9 AS seconds,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
        sum(coalesce(v.error, 0)) AS error, sum(coalesce(v.warning, 0)) AS warning, sum(coalesce(v.note, 0)) AS note
      FROM streams LEFT JOIN verdicts v ON v.stream = streams.id
      WHERE conversation IS NOT NULL GROUP BY conversation ORDER BY first_stream
    """,
)

_INDEXES = (
    "CREATE INDEX streams_response ON streams (response_id) WHERE response_id IS NOT NULL",
    "CREATE INDEX streams_socket ON streams (socket) WHERE socket IS NOT NULL",
    "CREATE INDEX findings_stream ON findings (stream)",
    "CREATE INDEX tails_stream ON tails (stream)",
    "CREATE INDEX uploads_stream ON uploads (stream)",
)

_VIEWS = (
    # The data lines of a frame. A line end in JSON is white space, so a blank joins two data lines.
    """
    CREATE VIEW event_data AS
      WITH lines AS (
        SELECT stream, n, position, type, at_ns,
          char(10) || ltrim(
            replace(replace(CAST(raw AS TEXT), char(13, 10), char(10)), char(13), char(10)), char(65279)
          ) AS text
        FROM events WHERE type IS NOT NULL
      ), rest AS (
        SELECT stream, n, position, type, at_ns,
          replace(substr(text, instr(text, char(10) || 'data:') + 6), char(10) || 'data:', ' ') AS text
        FROM lines
      )
      SELECT stream, n, position, type, at_ns,
        ltrim(substr(text, 1, instr(text || char(10), char(10)) - 1)) AS data
      FROM rest
    """,
    """
    CREATE VIEW timeline AS
      SELECT stream, n, position, at_ns / 1e9 AS seconds,
        (at_ns - lag(at_ns) OVER (PARTITION BY stream ORDER BY n)) / 1e9 AS since_previous,
        type, sequence_number, output_index, content_index, summary_index, item_id
      FROM events
    """,
    """
    CREATE VIEW violations AS
      SELECT findings.*, streams.started_at, streams.model, streams.url, streams.response_id
      FROM findings JOIN streams ON streams.id = findings.stream
    """,
)

_M002 = (
    # What applies to all responses of a socket, and how it was closed.
    """
    CREATE TABLE sockets (
      id INTEGER PRIMARY KEY,
      url TEXT NOT NULL, host TEXT NOT NULL, http_version TEXT NOT NULL, request_headers TEXT NOT NULL,
      status INTEGER, response_headers TEXT,
      started_at TEXT NOT NULL,        -- ISO 8601, UTC, microseconds
      end_ns INTEGER, ended_by TEXT, end_reason TEXT, close_code INTEGER, close_reason TEXT
    )
    """,
    # What a client sent over a socket besides the events that request a response; those are request bodies.
    """
    CREATE TABLE client_events (
      socket INTEGER NOT NULL, at_ns INTEGER NOT NULL,  -- nanoseconds since the socket's started_at
      stream INTEGER,                  -- the one that it is about
      body TEXT NOT NULL,              -- secrets masked
      PRIMARY KEY (socket, at_ns)
    ) WITHOUT ROWID
    """,
    "ALTER TABLE streams ADD COLUMN socket INTEGER",
    "ALTER TABLE streams ADD COLUMN socket_ns INTEGER",  # the stream's started_at, nanoseconds since the socket's
    "ALTER TABLE streams ADD COLUMN continues INTEGER",  # the stream whose response a client took up again here
    "ALTER TABLE streams ADD COLUMN retry_of INTEGER",  # the stream of the attempt before this one
    "CREATE INDEX streams_socket ON streams (socket) WHERE socket IS NOT NULL",
    "DROP VIEW event_data",
    # As before; a message of a socket is its own data.
    """
    CREATE VIEW event_data AS
      WITH framed AS (
        SELECT events.stream, n, position, type, at_ns, CAST(raw AS TEXT) AS text, streams.route
        FROM events JOIN streams ON streams.id = events.stream WHERE type IS NOT NULL
      ), lines AS (
        SELECT stream, n, position, type, at_ns, route, CASE route WHEN 'websocket' THEN text ELSE
          char(10) || ltrim(replace(replace(text, char(13, 10), char(10)), char(13), char(10)), char(65279))
        END AS text
        FROM framed
      ), rest AS (
        SELECT stream, n, position, type, at_ns, route, CASE route WHEN 'websocket' THEN text ELSE
          replace(substr(text, instr(text, char(10) || 'data:') + 6), char(10) || 'data:', ' ')
        END AS text
        FROM lines
      )
      SELECT stream, n, position, type, at_ns, CASE route WHEN 'websocket' THEN text ELSE
        ltrim(substr(text, 1, instr(text || char(10), char(10)) - 1))
      END AS data
      FROM rest
    """,
)
