"""Links a stream to the turn before it, and the calls of earlier turns to the request that brings their results.

It is done in the file, once everything else of a commit is written: the turn before may be of the same commit, of
another connection, or of a recorder that ran yesterday. Ids and digests only mean something at one host.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from responses_tap.stream.conversation import RequestClues, first_words
from responses_tap.urls import split

_MOST_CANDIDATES = 200
"""The newest streams with the same history that are looked at."""
_OF_HOST = "JOIN streams s ON s.id = {} WHERE s.host = ? AND s.id < ? AND"
_LINKS = "SELECT host, method, url, route, coalesce(retry_of, continues) FROM streams WHERE id = ?"
_BY_RESPONSE = "SELECT id FROM streams WHERE response_id = ? AND host = ? AND id < ? ORDER BY id DESC LIMIT 1"
_TURN = "SELECT conversation, turn, follows, route, socket FROM streams WHERE id = ?"
_BY_THREAD = "SELECT id FROM streams WHERE conversation = ? AND host = ? AND id < ? ORDER BY id DESC LIMIT 1"
_BY_HISTORY = f"""
    SELECT h.digest, s.id,
      EXISTS (SELECT 1 FROM output_items o WHERE o.stream = s.id AND o.item_id IN (SELECT value FROM json_each(?))),
      EXISTS (SELECT 1 FROM streams t WHERE t.conversation = s.conversation AND t.follows = s.id)
    FROM histories h {_OF_HOST.format("h.stream")} h.digest IN (SELECT value FROM json_each(?))
    ORDER BY s.id DESC LIMIT {_MOST_CANDIDATES}
"""  # noqa: S608 (ours)
_BY_ITEM = f"""
    SELECT max(s.id) FROM output_items o {_OF_HOST.format("o.stream")} o.{{}} IN (SELECT value FROM json_each(?))
"""  # noqa: S608 (ours)
_SET_RESULTS = """
    UPDATE output_items SET result = ? WHERE result IS NULL AND call_id IN (SELECT value FROM json_each(?))
    AND stream < ? AND EXISTS (SELECT 1 FROM streams s WHERE s.id = output_items.stream AND s.conversation = ?)
"""
_TOOLS = """
    SELECT call_id, tool FROM output_items WHERE result = ? AND tool IS NOT NULL
"""


class _Turn(NamedTuple):
    """What a stream's row says of its turn."""

    conversation: str
    turn: int
    follows: int | None
    is_refused: bool
    """Whether it is a WebSocket handshake that was refused: the turn itself comes by another way."""


def link(connection: sqlite3.Connection, stream: int, clues: RequestClues) -> None:
    """Say in a stream's row of which conversation it is which turn, within a transaction."""
    found = connection.execute(_LINKS, (stream,)).fetchone()
    if found is None:
        return
    host, method, url, route, same = found
    if route == "websocket" and clues.thread and same != _first(connection, _BY_THREAD, clues.thread, host, stream):
        same = None  # the turn of the handshake that was refused before has come by another way meanwhile
    if same is None and method == "GET" and not clues.histories:
        same = _first(connection, _BY_RESPONSE, split(url).path.rpartition("/")[2], host, stream)
    turn = (None if same is None else _turn_of(connection, same)) or _next(connection, stream, host, clues)
    connection.execute(
        "UPDATE streams SET previous_response_id = ?, conversation = ?, turn = ?, follows = ? WHERE id = ?",
        (clues.previous_response_id, turn.conversation, turn.turn, turn.follows, stream),
    )
    if clues.call_ids:
        connection.execute(_SET_RESULTS, (stream, json.dumps(clues.call_ids), stream, turn.conversation))
    tools = dict(connection.execute(_TOOLS, (stream,)).fetchall()) if clues.results else {}
    prompt = clues.prompt or _results(clues, tools)
    connection.execute("UPDATE streams SET prompt = ? WHERE id = ?", (prompt, stream))


def _turn_of(connection: sqlite3.Connection, stream: int) -> _Turn | None:
    """The turn that a stream is, None where that isn't known."""
    row = connection.execute(_TURN, (stream,)).fetchone()
    if row is None or row[0] is None or row[1] is None:
        return None
    conversation, turn, follows, route, socket = row
    return _Turn(conversation, turn, follows, route == "websocket" and socket is None)


def _next(connection: sqlite3.Connection, stream: int, host: str, clues: RequestClues) -> _Turn:
    """The turn after the one before, or the first of a conversation."""
    before = _before(connection, stream, host, clues)
    known = None if before is None else _turn_of(connection, before)
    if known is not None and clues.thread in (None, known.conversation):
        return known if known.is_refused else _Turn(known.conversation, known.turn + 1, before, is_refused=False)
    return _Turn(clues.thread or str(stream), 1, before, is_refused=False)


def _before(connection: sqlite3.Connection, stream: int, host: str, clues: RequestClues) -> int | None:
    """The stream of the turn before: as the client names it, else by what its request repeats."""
    if clues.previous_response_id:
        before = _first(connection, _BY_RESPONSE, clues.previous_response_id, host, stream)
        if before is not None or clues.thread is None:
            return before
    if clues.thread:
        return _first(connection, _BY_THREAD, clues.thread, host, stream)
    return (
        _by_history(connection, stream, host, clues)
        or _by_items(connection, "item_id", stream, host, clues.item_ids)
        or _by_items(connection, "call_id", stream, host, clues.call_ids)
    )


def _by_history(connection: sqlite3.Connection, stream: int, host: str, clues: RequestClues) -> int | None:
    """The stream whose input and output the request begins with; of several runs alike, the one whose ids it has."""
    if not clues.histories:
        return None
    lengths = {digest: length for length, digest in enumerate(clues.histories)}
    sent, digests = json.dumps(clues.item_ids), json.dumps(clues.histories)
    found = connection.execute(_BY_HISTORY, (sent, host, stream, digests)).fetchall()
    ranked = [(lengths[digest], has_ids, not is_followed, id_) for digest, id_, has_ids, is_followed in found]
    return max(ranked)[-1] if ranked else None


def _by_items(connection: sqlite3.Connection, name: str, stream: int, host: str, ids: Sequence[str]) -> int | None:
    """The newest stream with one of these ids in its output."""
    return _first(connection, _BY_ITEM.format(name), host, stream, json.dumps(ids)) if ids else None


def _first(connection: sqlite3.Connection, sql: str, *parameters: str | int) -> int | None:
    row = connection.execute(sql, parameters).fetchone()
    return None if row is None else row[0]


def _results(clues: RequestClues, tools: dict[str, str]) -> str | None:
    """What a request is about that brings results: `get_weather → 18 °C`."""
    words = [f"{result.name or tools.get(result.call_id) or 'tool'} → {result.words}" for result in clues.results]
    return first_words(", ".join(words)) or None
