"""THE TABLE: what each event type opens, continues, finishes and closes.

A stream is a tree of scopes: response → item → part, and an event opens a scope, continues it (delta), finishes
its value (done) or closes it. A `Kind` of scope says which field numbers it, which events open and close it, and
which rule reports a scope that is not opened, opened twice, out of sequence or not closed. `ROWS` has one row for each
event type: what it does, in which kind of scope and in items of which types. The engine (response_states.py,
scope_tree.py, items.py, parts.py) moves the tree by these and has its own rules for events that come too late.

What the sources disagree on is not here but in profiles.py.

Sources: openai-python 3.54.0 (`response_stream_event.py`), openai-openapi 2.3.0 (`ResponseStreamEvent`), Open
Responses 2026-04-24 ("Items are streamable", "Semantic events"), and what 642 real OpenAI streams do.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an event does to its scope."""

    OPEN = "open"
    DELTA = "delta"
    DONE = "done"
    CLOSE = "close"
    PROGRESS = "progress"
    NOTE = "note"
    STATE = "state"
    TERMINAL = "terminal"
    ERROR = "error"

    __hash__ = str.__hash__  # Enum's is written in Python, and each event looks its role up


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of scope, and the codes of the rules on its opening, numbering and closing."""

    name: str
    key: str | None
    """The field that numbers such scopes within their parent; None where there is one at most."""
    opener: str | None = None
    """The event that must open it; None where its parent's opening implies it."""
    closer: str | None = None
    not_opened: str = ""
    """Reported where it is used before its opener, or without one."""
    opened_twice: str = ""
    gap: str = "ID508"
    """Reported where numbers are left out."""
    not_closed: str = ""
    """Reported where its parent is closed first."""


RESPONSE = Kind("response", None, opener="response.created")
ITEM = Kind(
    "item",
    "output_index",
    opener="response.output_item.added",
    closer="response.output_item.done",
    not_opened="NS201",
    opened_twice="NS207",
    gap="ID507",
    not_closed="MD306",
)
PART = Kind(
    "part",
    "content_index",
    opener="response.content_part.added",
    closer="response.content_part.done",
    not_opened="NS202",
    opened_twice="NS208",
    not_closed="MD305",
)
SUMMARY = Kind(
    "summary part",
    "summary_index",
    opener="response.reasoning_summary_part.added",
    closer="response.reasoning_summary_part.done",
    not_opened="NS202",
    opened_twice="NS208",
    not_closed="MD305",
)
COMMAND = Kind(
    "command",
    "command_index",
    opener="response.shell_call_command.added",
    closer="response.shell_call_command.done",
    not_opened="NS202",
    opened_twice="NS208",
    not_closed="MD305",
)
# The scopes below have no opening and no closing event of their own.
OUTPUT = Kind("command output", "command_index")
VALUE = Kind("value", None)
AUDIO = Kind("audio", None)
STREAM = Kind("stream", None)


@dataclass(frozen=True, slots=True)
class Row:
    """One event type."""

    type: str
    kind: Kind
    role: Role
    items: frozenset[str] = frozenset()
    """The item types it belongs in; empty: any."""
    part: str = ""
    """The content type it belongs in (`output_text`), or the field that names a VALUE scope (`arguments`)."""
    value: str = ""
    """The field that holds its text: `delta` on deltas, the whole value on done events."""
    required: tuple[str, ...] = ()
    """Fields that must be there, but for `sequence_number` and `logprobs` (rules SC803, SC802)."""
    order: int = 0
    """The place of a progress event, or of a response's states, in the order of its siblings."""
    known: bool = True
    """False for a type that OpenAI sends and no specification names."""


@dataclass(frozen=True, slots=True)
class Content:
    """A type of content whose text is streamed: which event finishes it, and the rule when that is missing."""

    type: str
    field: str
    """Where the text is, in the part and in the item's content."""
    done: str
    missing_done: str
    items: frozenset[str]


_MESSAGE = frozenset({"message"})
_REASONING = frozenset({"reasoning"})

CONTENTS = {
    c.type: c
    for c in (
        Content("output_text", "text", "response.output_text.done", "MD301", _MESSAGE),
        Content("refusal", "refusal", "response.refusal.done", "MD303", _MESSAGE),
        Content("reasoning_text", "text", "response.reasoning_text.done", "MD302", _REASONING),
        Content("summary_text", "text", "response.reasoning_summary_text.done", "MD304", _REASONING),
    )
}

_INDEX = ("item_id", "output_index")
_PART_KEY = ("content_index", *_INDEX)
_SUMMARY_KEY = (*_INDEX, "summary_index")


def _lifecycle() -> list[Row]:
    states = [
        ("response.created", Role.OPEN, 1),
        ("response.queued", Role.STATE, 2),
        ("response.in_progress", Role.STATE, 3),
        ("response.completed", Role.TERMINAL, 9),
        ("response.incomplete", Role.TERMINAL, 9),
        ("response.failed", Role.TERMINAL, 9),
    ]
    return [Row(t, RESPONSE, role, required=("response",), order=n) for t, role, n in states]


def _items() -> list[Row]:
    required = ("item", "output_index")
    return [
        Row("response.output_item.added", ITEM, Role.OPEN, required=required),
        Row("response.output_item.done", ITEM, Role.CLOSE, required=required),
    ]


def _parts() -> list[Row]:
    either = _MESSAGE | _REASONING
    rows = [
        Row("response.content_part.added", PART, Role.OPEN, either, required=(*_PART_KEY, "part")),
        Row("response.content_part.done", PART, Role.CLOSE, either, required=(*_PART_KEY, "part")),
        Row("response.reasoning_summary_part.added", SUMMARY, Role.OPEN, _REASONING, "summary_text",
            required=(*_SUMMARY_KEY, "part")),
        Row("response.reasoning_summary_part.done", SUMMARY, Role.CLOSE, _REASONING, "summary_text",
            required=(*_SUMMARY_KEY, "part")),
        Row("response.output_text.annotation.added", PART, Role.NOTE, _MESSAGE, "output_text",
            required=("annotation_index", *_PART_KEY)),
    ]  # fmt: skip
    for base, kind, items, content, keys in (
        ("response.output_text", PART, _MESSAGE, "output_text", _PART_KEY),
        ("response.refusal", PART, _MESSAGE, "refusal", _PART_KEY),
        ("response.reasoning_text", PART, _REASONING, "reasoning_text", _PART_KEY),
        ("response.reasoning_summary_text", SUMMARY, _REASONING, "summary_text", _SUMMARY_KEY),
    ):
        field = CONTENTS[content].field
        rows += [
            Row(f"{base}.delta", kind, Role.DELTA, items, content, "delta", (*keys, "delta")),
            Row(f"{base}.done", kind, Role.DONE, items, content, field, (*keys, field)),
        ]
    return rows


def _values() -> list[Row]:
    rows = []
    for base, item, field, known in (
        ("response.function_call_arguments", "function_call", "arguments", True),
        ("response.custom_tool_call_input", "custom_tool_call", "input", True),
        ("response.mcp_call_arguments", "mcp_call", "arguments", True),
        ("response.code_interpreter_call_code", "code_interpreter_call", "code", True),
        ("response.apply_patch_call_operation_diff", "apply_patch_call", "diff", False),
    ):
        items = frozenset({item})
        rows += [
            Row(f"{base}.delta", VALUE, Role.DELTA, items, field, "delta", (*_INDEX, "delta"), known=known),
            Row(f"{base}.done", VALUE, Role.DONE, items, field, field, (*_INDEX, field), known=known),
        ]
    return rows


def _commands() -> list[Row]:
    call, output = frozenset({"shell_call"}), frozenset({"shell_call_output"})
    base, keys = "response.shell_call_command", ("command_index", "output_index")
    content, output_keys = "response.shell_call_output_content", ("command_index", *_INDEX)
    return [
        Row(f"{base}.added", COMMAND, Role.OPEN, call, "command", "command", (*keys, "command")),
        Row(f"{base}.delta", COMMAND, Role.DELTA, call, "command", "delta", (*keys, "delta")),
        Row(f"{base}.done", COMMAND, Role.CLOSE, call, "command", "command", (*keys, "command")),
        # Its delta and its output are objects of stdout and stderr: nothing here adds them up.
        Row(f"{content}.delta", OUTPUT, Role.DELTA, output, "output", "", (*output_keys, "delta")),
        Row(f"{content}.done", OUTPUT, Role.DONE, output, "output", "", (*output_keys, "output")),
    ]


def _progress() -> list[Row]:
    rows = []
    for item, steps in {
        "web_search_call": ("in_progress", "searching", "completed"),
        "file_search_call": ("in_progress", "searching", "completed"),
        "code_interpreter_call": ("in_progress", "interpreting", "completed"),
        "image_generation_call": ("in_progress", "generating", "completed"),
        "mcp_call": ("in_progress", "completed|failed"),
        "mcp_list_tools": ("in_progress", "completed|failed"),
        "compaction": ("compacting",),
    }.items():
        rows += [
            Row(f"response.{item}.{step}", ITEM, Role.PROGRESS, frozenset({item}), required=_INDEX, order=n)
            for n, steps_at in enumerate(steps, 1)
            for step in steps_at.split("|")
        ]
    image = frozenset({"image_generation_call"})
    required = (*_INDEX, "partial_image_b64", "partial_image_index")
    return [
        *rows,
        Row("response.image_generation_call.partial_image", ITEM, Role.NOTE, image, required=required),
    ]


def _others() -> list[Row]:
    return [
        Row("response.audio.delta", AUDIO, Role.DELTA, part="audio", required=("delta",)),
        Row("response.audio.done", AUDIO, Role.DONE, part="audio"),
        Row("response.audio.transcript.delta", AUDIO, Role.DELTA, part="transcript", required=("delta",)),
        Row("response.audio.transcript.done", AUDIO, Role.DONE, part="transcript"),
        Row("error", STREAM, Role.ERROR),
        Row("keepalive", STREAM, Role.NOTE, known=False),
        # These belong to the socket, not to a response, and may follow its end (WebSocket mode, steering).
        Row("response.steer.accepted", STREAM, Role.NOTE, known=False),
        Row("response.steer.pending", STREAM, Role.NOTE, known=False),
        Row("response.steer.failed", STREAM, Role.NOTE, known=False),
        Row("response.inject.created", STREAM, Role.NOTE, known=False),
        Row("response.inject.failed", STREAM, Role.NOTE, known=False),
    ]


ROWS: dict[str, Row] = {
    row.type: row for row in (*_lifecycle(), *_items(), *_parts(), *_values(), *_commands(), *_progress(), *_others())
}

ALIASES = {
    "response.reasoning.delta": "response.reasoning_text.delta",
    "response.reasoning.done": "response.reasoning_text.done",
}
"""Other names in use: Open Responses says `reasoning`, OpenAI `reasoning_text`. Both are right."""

OLD_NAMES = {
    "response.code_interpreter_call.code.delta": "response.code_interpreter_call_code.delta",
    "response.code_interpreter_call.code.done": "response.code_interpreter_call_code.done",
    "response.mcp_call.arguments_delta": "response.mcp_call_arguments.delta",
    "response.mcp_call.arguments_done": "response.mcp_call_arguments.done",
    "response.mcp_call.arguments.delta": "response.mcp_call_arguments.delta",
    "response.mcp_call.arguments.done": "response.mcp_call_arguments.done",
    "response.output_text_annotation.added": "response.output_text.annotation.added",
    "response.reasoning_summary.delta": "response.reasoning_summary_text.delta",
    "response.reasoning_summary.done": "response.reasoning_summary_text.done",
    "response.reasoning_part.added": "response.content_part.added",
    "response.reasoning_part.done": "response.content_part.done",
}
"""Spellings of former SDK releases and of servers that clients no longer know (rule SC806) → today's."""

LAST_STAGE = {
    item: max((r for r in ROWS.values() if r.role is Role.PROGRESS and item in r.items), key=lambda row: row.order)
    for item in sorted({item for row in ROWS.values() if row.role is Role.PROGRESS for item in row.items})
}
"""The last progress event of each item type that has such."""

TERMINALS = frozenset(row.type for row in ROWS.values() if row.role is Role.TERMINAL)
LIFECYCLE = frozenset(row.type for row in ROWS.values() if row.kind is RESPONSE)

STATUS = {
    "response.created": ("in_progress", "queued"),
    "response.queued": ("queued",),
    "response.in_progress": ("in_progress",),
    "response.completed": ("completed",),
    "response.incomplete": ("incomplete",),
    "response.failed": ("failed", "cancelled"),
}
"""The `response.status` that a lifecycle event may carry (rule ST701)."""

FINAL_STATUS = ("completed", "incomplete", "failed")
"""The statuses that an item may end with."""

VALUE_PATHS = {
    "function_call": ("arguments",),
    "custom_tool_call": ("input",),
    "mcp_call": ("arguments",),
    "code_interpreter_call": ("code",),
    "apply_patch_call": ("operation", "diff"),
}
"""Where an item keeps the value that its deltas add up to."""

CALL_ITEMS = frozenset({"function_call", "custom_tool_call", "shell_call"})
"""Items with a call_id that must stay the same. (tool_search_call changes it, at OpenAI.)"""
