"""`--format json`: stable, versioned, documented in the README."""

from collections.abc import Sequence
from typing import Any

from responses_tap.errors import UnusableInput
from responses_tap.escaping import dumps
from responses_tap.formats.trace import finding_object
from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Severity
from responses_tap.stream.columns import COLUMNS, StreamRow
from responses_tap_viewer.checking.baselines import StaleEntry
from responses_tap_viewer.checking.paths import Checked
from responses_tap_viewer.compare.conversation_groups import Conversation, conversations

VERSION = 1


def check_report(
    results: Sequence[Checked | UnusableInput], profile: str, stale: Sequence[StaleEntry] | None = None
) -> str:
    """The verdicts on all responses, the unreadable paths, and the stale entries of a baseline; None: without one."""
    checked = [result for result in results if isinstance(result, Checked)]
    errors = [result for result in results if isinstance(result, UnusableInput)]
    summary = {str(severity): sum(c.count(severity) for c in checked) for severity in Severity}
    return dumps(
        {
            "version": VERSION,
            "profile": profile,
            "rules": RULES_VERSION,
            "streams": [_checked(c) for c in checked],
            "errors": [{"source": error.source, "message": error.message} for error in errors],
            **({} if stale is None else {"stale": [_stale(entry) for entry in stale]}),
            "summary": {
                "streams": len(checked),
                "events": sum(c.events for c in checked),
                **summary,
                "baseline": sum(len(c.tolerated) for c in checked),
                "stale": len(stale or ()),
            },
        }
    )


def _stale(entry: StaleEntry) -> dict[str, Any]:
    known = entry.known
    return {"source": known.source, "code": known.code, "scope": dict(known.scope)}


def stream_list(rows: Sequence[StreamRow]) -> str:
    """The streams of a recording, as `list` prints them."""
    return dumps([stream_summary(row) for row in rows])


def conversation_list(rows: Sequence[StreamRow]) -> str:
    """The conversations of a recording, as `list --by-conversation` prints them."""
    return dumps([_conversation(conversation) for conversation in conversations(rows)])


def _conversation(conversation: Conversation[StreamRow]) -> dict[str, Any]:
    return {
        "conversation": conversation.name,
        "turns": conversation.turns,
        "started_at": conversation.started_at,
        "seconds": conversation.seconds,
        "input_tokens": conversation.input_tokens,
        "output_tokens": conversation.output_tokens,
        "error": conversation.errors,
        "warning": conversation.warnings,
        "note": conversation.notes,
        "streams": [stream_summary(row) for row in conversation.streams],
    }


def stream_summary(row: StreamRow) -> dict[str, Any]:
    """One stream in a line."""
    return {column.listed: getattr(row, column.name) for column in COLUMNS.values() if column.listed}


def _checked(checked: Checked) -> dict[str, Any]:
    return {
        "source": checked.source,
        "id": checked.id,
        "index": checked.index,
        "response_id": checked.response_id,
        "model": checked.model,
        "state": checked.state,
        "events": checked.events,
        **({"profile": checked.profile, "profile_reason": checked.why} if checked.why else {}),
        "findings": [finding_object(f) | {"baseline": f in checked.tolerated} for f in checked.findings],
    }
