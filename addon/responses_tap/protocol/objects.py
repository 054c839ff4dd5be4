"""The objects inside events: which fields a response, an item and a part must have, and which statuses are known.

Sources: openai-openapi 2.3.0 (`Response.required`, the item schemas, `OutputTextContent`). Of an item that is only
just added, no more is asked for than every item of its type had in 642 recorded OpenAI streams.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

RESPONSE_FIELDS = (
    "id", "object", "created_at", "status", "error", "incomplete_details", "instructions", "metadata", "model",
    "output", "parallel_tool_calls", "temperature", "tool_choice", "tools", "top_p",
)  # fmt: skip

OPEN_RESPONSES_FIELDS = ("id", "object", "created_at", "status", "error", "incomplete_details", "model", "output")
"""What the Open Responses profile asks of a response."""


class ItemFields(NamedTuple):
    """The required fields of an item type, besides `type`; call_id has a rule of its own (ID513)."""

    added: tuple[str, ...]
    done: tuple[str, ...]
    """In output_item.done and in the terminal event."""


def _same(*fields: str) -> ItemFields:
    return ItemFields(fields, fields)


ITEM_FIELDS = {
    "message": _same("id", "role", "content", "status"),
    "reasoning": _same("id", "summary"),
    # Their id is optional (openapi FunctionToolCall): calls are matched by call_id.
    "function_call": _same("name", "arguments"),
    "custom_tool_call": _same("name", "input"),
    "web_search_call": ItemFields(("id", "status"), ("id", "status", "action")),
    "file_search_call": _same("id", "status", "queries"),
    "code_interpreter_call": _same("id", "status", "code", "container_id"),
    "image_generation_call": ItemFields(("id", "status"), ("id", "status", "result")),
    "mcp_call": _same("id", "name", "arguments", "server_label"),
    "mcp_list_tools": _same("id", "server_label", "tools"),
    "mcp_approval_request": _same("id", "name", "arguments", "server_label"),
    "local_shell_call": _same("id", "action", "status"),
    "shell_call": _same("id", "action", "status"),
    "apply_patch_call": _same("id", "operation", "status"),
    "computer_call": _same("id", "status"),
}

_NULLABLE = frozenset((("code_interpreter_call", "code"), ("image_generation_call", "result")))
"""The required fields of items that may be null."""


def lacking(item: dict[str, Any], type_: str, fields: Iterable[str]) -> list[str]:
    """Which of these fields an item or a part of this type lacks; null is no value where one is required."""
    return [field for field in fields if item.get(field) is None and not _may_be_null(item, type_, field)]


def _may_be_null(item: dict[str, Any], type_: str, field: str) -> bool:
    return field in item and (type_, field) in _NULLABLE


PART_FIELDS = {
    "output_text": ("text", "annotations"),
    "refusal": ("refusal",),
    "reasoning_text": ("text",),
    "summary_text": ("text",),
}

STRINGS = {
    "response": ("id", "object", "model", "status"),
    "function_call": ("name", "arguments", "call_id"),
    "custom_tool_call": ("name", "input", "call_id"),
    "mcp_call": ("name", "arguments", "server_label"),
    "mcp_approval_request": ("name", "arguments", "server_label"),
    "output_text": ("text",),
    "refusal": ("refusal",),
    "reasoning_text": ("text",),
    "summary_text": ("text",),
}
"""The fields of a response, and of items and parts by their types, that are strings wherever they have a value."""
ITEM_STRINGS = ("id", "status", "role")
"""Those of all items."""


def parts_of(item: dict[str, Any]) -> Iterator[tuple[str, int, Any]]:
    """The parts in an item, or what stands in their place: (field, index, part)."""
    for field in ("content", "summary"):
        parts = item.get(field)
        yield from ((field, n, part) for n, part in enumerate(parts if isinstance(parts, list) else ()))


_ENDS = ("in_progress", "completed", "incomplete")
STATUSES = {
    "message": _ENDS,
    "reasoning": _ENDS,
    "function_call": _ENDS,
    "custom_tool_call": _ENDS,
    "computer_call": _ENDS,
    "local_shell_call": _ENDS,
    "web_search_call": ("in_progress", "searching", "completed", "incomplete", "failed"),
    "file_search_call": ("in_progress", "searching", "completed", "incomplete", "failed"),
    "code_interpreter_call": ("in_progress", "interpreting", "completed", "incomplete", "failed"),
    "image_generation_call": ("in_progress", "generating", "completed", "failed"),
}
"""The statuses of each item type (openapi's enums); types that are not here have none, or any."""

KNOWN_ITEMS = frozenset(ITEM_FIELDS) | {
    "compaction", "computer_call_output", "custom_tool_call_output", "function_call_output",
    "local_shell_call_output", "mcp_approval_response", "program", "program_output", "shell_call_output",
    "apply_patch_call_output", "tool_search_call", "tool_search_output", "additional_tools",
    "multi_agent_call", "multi_agent_call_output", "agent_message", "configuration_update",
}  # fmt: skip
