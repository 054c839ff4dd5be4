"""What must not be flagged: the 27 cases in which a stream looks odd and is right, by their numbers in the grammar."""

import copy
import json
from typing import Any

from tests.conftest import RECORDINGS, body, events_of

from responses_tap import Severity, check

type Events = list[dict[str, Any]]


def sample(name: str) -> Events:
    return events_of(RECORDINGS / f"clean/{name}.sse")


def numbered(events: Events) -> Events:
    for number, event in enumerate(events):
        event["sequence_number"] = number
    return events


def at(events: Events, type_: str) -> dict[str, Any]:
    return next(event for event in events if event["type"] == f"response.{type_}")


def without(events: Events, *types: str) -> Events:
    return numbered([event for event in events if event["type"] not in {f"response.{t}" for t in types}])


def serious(events: Events | bytes, profile: str = "openai") -> list[str]:
    return [f.code for f in check(events, profile).findings if f.severity is not Severity.NOTE]


def test_1_items_may_interleave() -> None:
    assert serious(sample("interleaved-items")) == []


def test_2_items_may_be_empty() -> None:
    events = without(sample("reasoning-summary"), *(f"reasoning_summary_{t}" for t in (
        "part.added", "part.done", "text.delta", "text.done")))  # fmt: skip
    text = json.dumps(events).replace('[{"type": "summary_text", "text": "Think first."}]', "[]")
    assert serious(json.loads(text)) == []


def test_3_encrypted_content_may_change() -> None:
    events = sample("reasoning-summary")
    at(events, "output_item.done")["item"]["encrypted_content"] = "one"
    events[-1]["response"]["output"][0]["encrypted_content"] = "two"
    assert serious(events) == []


def test_4_a_resumed_response_begins_anywhere() -> None:
    events = sample("background")
    for start in (1, 2, 5):  # queued, in_progress, a delta
        assert serious(events[start:]) == [], events[start]["type"]


def test_5_a_background_response_begins_queued() -> None:
    assert serious(sample("background")) == []


def test_6_extra_fields_are_fine() -> None:
    events = sample("text")
    for event in events:
        event["obfuscation"] = "x7Hq"
    events[0]["response"]["acme_region"] = "eu"
    assert serious(events) == []


def test_7_vendor_events_and_items_are_fine() -> None:
    events = sample("text")
    events.insert(3, {"type": "acme:thinking"})
    assert serious(numbered(events)) == []
    assert serious(numbered(events), "open-responses") == ["TR909"]


def test_8_unknown_types_are_notes() -> None:
    events = sample("text")
    events.insert(3, {"type": "response.moon_phase", "phase": "full"})
    assert serious(numbered(events)) == []
    search = without(sample("web-search"), *(f"web_search_call.{t}" for t in ("in_progress", "searching", "completed")))
    assert serious(json.loads(json.dumps(search).replace("web_search_call", "moon_call"))) == []


def test_9_a_text_may_be_empty() -> None:
    assert serious(sample("empty-text")) == []


def test_10_arguments_may_come_without_deltas() -> None:
    assert serious(without(sample("tool-call"), "function_call_arguments.delta")) == []
    assert serious(without(sample("tool-call"), "function_call_arguments.delta", "function_call_arguments.done")) == []


def test_11_arguments_done_needs_no_name() -> None:
    assert "name" not in at(sample("tool-call"), "function_call_arguments.done")
    assert serious(sample("tool-call")) == []


def test_12_the_codex_backend_sends_no_output() -> None:
    events = sample("text")
    events[-1]["response"]["output"] = []
    assert serious(events, "codex") == []


def test_13_an_incomplete_or_failed_response_may_leave_items_open() -> None:
    cut = sample("incomplete")
    cut = without(cut, "output_text.done", "content_part.done", "output_item.done")
    assert serious(cut) == []
    failed = [*sample("text")[:6], sample("failed")[-1]]
    assert serious(numbered(failed)) == []


def test_14_arguments_of_an_incomplete_call_may_be_cut() -> None:
    events = json.loads(json.dumps(sample("tool-call")).replace(r"{\"city\":\"Paris\"}", r"{\"city\":\"Par"))
    deltas = [event for event in events if event["type"].endswith("arguments.delta")]
    deltas[-1]["delta"] = deltas[-1]["delta"].removesuffix('is"}')
    at(events, "output_item.done")["item"]["status"] = "incomplete"
    events[-1]["type"] = "response.incomplete"
    events[-1]["response"] |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    events[-1]["response"]["output"][0]["status"] = "incomplete"
    assert serious(events) == []


def test_15_an_item_may_arrive_completed() -> None:
    events = sample("text")
    events[2]["item"]["status"] = "completed"
    assert serious(events) == []


def test_16_some_items_end_with_another_status() -> None:
    for name, type_, status in (("image-generation", "image_generation_call", "generating"),
                                ("web-search", "web_search_call", "searching")):  # fmt: skip
        events = sample(name)
        for item in (at(events, "output_item.done")["item"], events[-1]["response"]["output"][0]):
            assert item["type"] == type_
            item["status"] = status
        assert serious(events) == []
    events = sample("tool-call")
    for item in (at(events, "output_item.done")["item"], events[-1]["response"]["output"][0]):
        item |= {"status": "in_progress", "caller": {"type": "program"}}
    assert serious(events) == []


def test_17_progress_may_repeat_or_stay_unfinished() -> None:
    events = sample("mcp")
    again = copy.deepcopy(at(events, "mcp_call.in_progress"))
    events.insert(events.index(at(events, "mcp_call_arguments.delta")) + 1, again)
    assert serious(numbered(events)) == []
    assert serious(without(sample("image-generation"), "image_generation_call.completed")) == []


def test_18_annotations_may_stand_between_deltas() -> None:
    events = sample("annotations")
    annotation = at(events, "output_text.annotation.added")
    events.remove(annotation)
    events.insert(5, annotation)
    assert serious(numbered(events)) == []


def test_19_a_failed_response_needs_no_usage() -> None:
    assert sample("failed")[-1]["response"]["usage"] is None
    assert serious(sample("failed")) == []


def test_20_an_error_may_be_nested_and_is_followed_by_failed() -> None:
    events = sample("failed")
    assert "message" in events[2]["error"]
    assert serious(events) == []


def test_21_one_file_may_hold_several_responses() -> None:
    second = json.loads(json.dumps(sample("tool-call")).replace("resp_1", "resp_2"))
    assert serious(sample("text") + second) == []


def test_22_keepalives_are_fine() -> None:
    assert serious(sample("keepalive")) == []


def test_23_open_responses_needs_no_logprobs() -> None:
    events = sample("text")
    for event in events:
        event.pop("logprobs", None)
    assert serious(body(*events) + b"data: [DONE]\n\n", "open-responses") == []


def test_24_a_filtered_stream_has_gaps() -> None:
    events = sample("text")
    for event in events[6:]:
        event["sequence_number"] += 2
    assert serious(events) == []


def test_25_azure_adds_content_filters() -> None:
    events = sample("text")
    for event in events:
        if "response" in event:
            event["response"]["content_filters"] = [{"blocked": False}]
    assert serious(events) == []
    failed = sample("failed")
    error = failed.pop(2)
    assert serious(numbered([*failed, error])) == []  # Azure: failed first, then error


def test_26_a_call_may_have_no_id_where_no_event_names_one() -> None:
    events = without(sample("tool-call"), "function_call_arguments.delta", "function_call_arguments.done")
    for event in events:
        for item in [event.get("item"), *event.get("response", {}).get("output", [])]:
            if item:
                item.pop("id")
                item["arguments"] = ""
    del at(events, "output_item.done")["item"]["arguments"]
    at(events, "output_item.done")["item"]["arguments"] = events[-1]["response"]["output"][0]["arguments"] = "{}"
    assert serious(events) == []


def test_27_a_scrubbed_recording_is_told_once_a_call_and_can_be_ignored() -> None:
    events = sample("tool-call")
    scrubbed = json.loads(json.dumps(events).replace(r"{\"city\":\"Paris\"}", r"{\"city\":\"****\"}"))
    assert serious(scrubbed) == ["AG604"]
