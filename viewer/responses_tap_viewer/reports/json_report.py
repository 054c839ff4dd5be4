"""`--format json`: stable, versioned, documented in the README."""

import json
from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

from responses_tap.escaping import json_document
from responses_tap.protocol.checker import RULES_VERSION
from responses_tap.protocol.findings import Finding, Severity
from responses_tap.protocol.rules import RULES
from responses_tap_viewer.checking.paths import Checked
from responses_tap_viewer.streams import UnusableInput

if TYPE_CHECKING:
    from responses_tap.store import StreamRow

VERSION = 1


def check_report(results: Sequence[Checked | UnusableInput], profile: str, stale: int = 0) -> str:
    """The verdicts on all responses, the paths that could not be read, and how much of a baseline is stale."""
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
            "summary": {
                "streams": len(checked),
                "events": sum(c.events for c in checked),
                **summary,
                "baseline": sum(len(c.tolerated) for c in checked),
                "stale": stale,
            },
        }
    )


def stream_list(rows: "Sequence[StreamRow]") -> str:
    """The streams of a recording, as `list` prints them."""
    return dumps([stream_summary(row) for row in rows])


def stream_summary(row: "StreamRow") -> dict[str, Any]:
    """One stream in a line."""
    return {
        "id": row.id,
        "started_at": row.started_at,
        "model": row.model,
        "route": row.route,
        "status": row.status,
        "state": row.state,
        "ended_by": row.ended_by,
        "response_id": row.response_id,
        "events": row.event_count,
        "error": row.errors,
        "warning": row.warnings,
        "note": row.notes,
        "first_code": row.first_code,
    }


def finding_object(finding: Finding) -> dict[str, Any]:
    """A finding with the words of its rule's page."""
    page = RULES[finding.code].page() if finding.code in RULES else None
    words = {"fix": page.fix, "impact": page.impact, "source": page.source} if page else {}
    return finding.facts() | words


def dumps(value: object) -> str:
    """JSON as every command prints it: indented, readable text, one line end."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=2, ensure_ascii=False)
    return json_document(text) + "\n"


def _finite(value: object) -> object:
    """The value with null for each number that JSON has not."""
    if isinstance(value, dict):
        return {key: _finite(member) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    return None if isinstance(value, float) and not isfinite(value) else value


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
