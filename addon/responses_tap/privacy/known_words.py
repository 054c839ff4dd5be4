"""The protocol's own words: all that `--structure-only` lets a stream keep.

Source: the classes in `openai/types/responses` of openai-python 3.57.0: the names of their fields, and the literals
that the types, statuses and roles of objects can have. What the checker's tables name besides is added.
"""

from responses_tap.protocol.grammar import ALIASES, CONTENTS, FINAL_STATUS, OLD_NAMES, ROWS, STATUS
from responses_tap.protocol.objects import ITEM_FIELDS, KNOWN_ITEMS, PART_FIELDS, RESPONSE_FIELDS, STATUSES
from responses_tap.protocol.other_apis import OBJECTS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


EVENT_TYPES = frozenset((*ROWS, *ALIASES, *OLD_NAMES, "response.create", "response.append", "response.steer"))
"""The names of events, including old names and known wrong ones."""

MEMBERS = _words(
    """
    access_programs acknowledged_safety_checks action actions after allowed_callers allowed_domains
    allowed_tools always annotation annotation_index annotations approval_request_id approve arguments async
    attributes authorization background background_options button bytes cache_missed_tokens cache_write_tokens
    cache_write_tokens_details cached_image_tokens cached_text_tokens cached_tokens cached_tokens_details
    call_id caller caller_id candidates categories category_applied_input_types category_scores choices city code
    command command_index commands compact_threshold comparison_response_id comparison_reusable_tokens completed_at
    completion_window complexity connector_id container container_id content content_index context
    context_compression context_management continuation_id conversation country created_at created_by cyber data
    defer_loading delta description detail detailed_explanation diff display_height display_width domain
    domain_secrets effort embedding_weight encrypted_content end_index env environment error error_type
    execution exit_code external_web_access file_data file_id file_ids file_url filename filters fingerprint
    first_id flagged format frame_count frame_duration_ms generate generate_summary has_more headers
    hybrid_search id image image_gen image_tokens image_url include include_obfuscation incomplete_details index
    input input_audio input_fidelity input_image_mask input_schema input_tokens input_tokens_details
    input_transformations instructions item item_id json_schema keys last_id limit logprob logprobs logs
    max_num_results max_output_length max_output_tokens max_tool_calls media_type memory_limit message metadata
    misalignment mode model moderation moderation_details moderation_stage name namespace network_policy never
    num_requests obfuscation object operation order outcome output output_compression output_format output_index
    output_schema output_tokens output_tokens_details outputs parallel_tool_calls param parameters parsed
    parsed_arguments part partial_image_b64 partial_image_index partial_images path pattern
    pending_safety_checks personality phase policy previous_response_id prewarm prompt prompt_cache_breakpoint
    prompt_cache_diagnostics prompt_cache_key prompt_cache_options prompt_cache_retention quality queries query
    ranker ranking_options read_only reason reasoning reasoning_tokens refusal region require_approval
    required_input response response_id result results review_target revised_prompt role safety_identifier
    schema score score_threshold scroll_x scroll_y search_content_types search_context_size sequence_number
    server_description server_label server_url service_tier size skill_id skills source sources start_index
    starting_after status stderr stdout steer store stream stream_id stream_options strict summary summary_index
    svg svg_usage temperature text text_tokens text_weight timeout_ms timezone title token tool_choice
    tool_names tool_usage tools top_logprobs top_p total_tokens truncation ttl ttl_12h_tokens ttl_30m_tokens
    tunnel_id type url usage user user_location value variables vector_store_ids verbosity version web_search
    working_directory x y
    """
).union(
    RESPONSE_FIELDS,
    *(row.required for row in ROWS.values()),
    *(fields.added + fields.done for fields in ITEM_FIELDS.values()),
    *PART_FIELDS.values(),
)
"""The names of the members of events, and of the objects in them."""

USERS_OWN = _words(
    """
    attributes category_applied_input_types category_scores $defs env headers input_schema json_schema metadata
    output_schema parameters properties schema variables
    """
)
"""Members in which all names are the user's."""

_TYPES = _words(
    """
    additional_tools allowed_tools allowlist apply_patch apply_patch_call apply_patch_call_output approximate
    auto base64 cache_hit cache_miss click code_interpreter code_interpreter_call compaction compaction_trigger
    comparison_response_not_found computer computer_call computer_call_output computer_screenshot computer_use
    computer_use_preview configuration_update container_auto container_file_citation container_reference
    create_file custom custom_tool_call custom_tool_call_output delete_file direct disabled double_click drag
    error exec exit file_citation file_path file_search file_search_call find_in_page function function_call
    function_call_output http_error image image_generation image_generation_call inline input_audio input_file
    input_image input_text invalid_request_error item_reference json_object json_schema keypress local
    local_shell local_shell_call local_shell_call_output logs mcp mcp_approval_request mcp_approval_response
    mcp_call mcp_list_tools mcp_protocol_error mcp_tool_execution_error message moderation_result move namespace
    open_page output_text program program_output programmatic_tool_calling reasoning reasoning_text refusal
    screenshot scroll search shell shell_call shell_call_output skill_reference summary_text text timeout
    tool_search tool_search_call tool_search_output unavailable update_file url url_citation wait web_search
    web_search_2025_08_26 web_search_call web_search_preview web_search_preview_2025_03_11
    """
).union(KNOWN_ITEMS, CONTENTS)

VALUES = {
    "type": _TYPES,
    "status": frozenset(("queued", "cancelled", *FINAL_STATUS)).union(*STATUS.values(), *STATUSES.values()),
    "role": frozenset(("assistant", "critic", "developer", "discriminator", "system", "tool", "unknown", "user")),
    "object": frozenset(("response", "list", "response.compaction", *OBJECTS)),
    "reason": frozenset(("max_output_tokens", "content_filter")),
    "phase": frozenset(("commentary", "final_answer")),
    "tool_choice": frozenset(("auto", "none", "required")),
}
"""The members whose values are the protocol's, and those values."""

COUNTS = frozenset(
    (
        "sequence_number", "output_index", "content_index", "summary_index", "command_index", "annotation_index",
        "partial_image_index",
    )
)  # fmt: skip
"""The members of an event whose numbers are positions in the stream."""

ID_PREFIXES = (
    "resp", "msg", "rs", "fc", "call", "ctc", "ctco", "fco", "ws", "fs", "ci", "cntr", "ig", "mcp", "mcpl", "mcpr",
    "cu", "lsh", "sh", "apc", "cmp", "conv", "file", "vs", "pmpt", "item",
)  # fmt: skip
"""The prefixes of ids, without the `_`."""

HEADERS = {
    "content-type": frozenset(
        (
            "text/event-stream", "application/json", "application/x-ndjson", "text/html", "text/plain",
            "application/octet-stream",
        )
    ),
    "content-encoding": frozenset(("gzip", "br", "deflate", "zstd", "identity")),
    "transfer-encoding": frozenset(("chunked",)),
}  # fmt: skip
"""The headers that say how to read a body, and their possible values."""

METHODS = frozenset(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"))
HTTP_VERSIONS = frozenset(("HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/2.0", "HTTP/3", "HTTP/3.0"))
ROUTES = frozenset(("sse", "websocket"))
