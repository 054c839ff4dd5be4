"""SC8xx: events have the fields, types and names that clients parse."""

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules.rule import Rule


class RequiredFieldMissing(Rule, code="SC801", severity=Severity.ERROR):
    """An event lacks a field that its type requires.

    Impact: output_index: openai-python RuntimeError/TypeError, openai-node OpenAIError, AI SDK drops
        the event (llama.cpp#20607, lemonade#3607); content_index: python TypeError; item_id: AI SDK,
        node 7; delta-only clients unharmed.
    Bad: text~ without output_index
    Good: text~ with item_id, output_index, content_index, delta
    Fine: function_call_arguments.done without `name`: the API reference lists it, nobody sends it.
    Source: openai-python/openapi/OR required lists (events.json).
    Fix: add the field.
    """

    message = "{type} lacks {field}"


class LogprobsMissing(Rule, code="SC802", severity=Severity.WARNING):
    """A text event has no logprobs.

    Impact: only validating decoders (pydantic validate, Rust/Go/Dart types). Off in profile
        open-responses.
    Bad: text= without logprobs
    Good: text= with logprobs: []
    Fine: streams from before July 2025; the Open Responses profile.
    Source: openapi/openai-python required since 1.98; Open Responses optional.
    Fix: send logprobs: [].
    """

    message = "{type} lacks logprobs"


class SequenceNumberMissing(Rule, code="SC803", severity=Severity.WARNING):
    """Events have no sequence_number.

    Impact: strict decoders abort (Grok Build, OpenCode in OmniRoute#14330); no resume.
    Bad: -
    Good: every event counts, from 0 on
    Fine: streams from before June 2025.
    Source: openai-python since 1.84; Open Responses.
    Fix: count every event.
    """

    message = "events have no sequence_number, the first at {position}"


class FieldType(Rule, code="SC804", severity=Severity.ERROR):
    """A field has a value of the wrong JSON type.

    Impact: delta null: openai-python TypeError, openai-node prints 'null', AI SDK validation error;
        created_at float: new-api#6822 drops the event.
    Bad: text~{delta:null}
    Good: text~{delta:'a'}
    Source: openapi.
    Fix: right JSON type.
    """

    message = "{type}.{field} is {have}, expected {want}"


class ItemNull(Rule, code="SC805", severity=Severity.ERROR):
    """`output_item.added` or `.done` comes without its item.

    Impact: openai-python <=2 AttributeError, 3.x later RuntimeError; langchain AttributeError; AI SDK
        validation error.
    Bad: item+0 null
    Good: item+0{type:message, …}
    Source: openapi OutputItem (OR schema allows null).
    Fix: send the item.
    """

    message = "{type} at {position} has no usable item"


class MisspelledEvent(Rule, code="SC806", severity=Severity.ERROR):
    """An event has an old or a wrong name.

    Impact: all clients ignore it; the scope counts as never opened (Bedrock Mantle, old vLLM).
    Bad: reasoning_part.added
    Good: part+0.0
    Source: union history (events.json legacy_types), aliases.
    Fix: use today's name.
    """

    message = "{type} is an old or wrong name of {today}"


class UnknownEvent(Rule, code="SC807", severity=Severity.NOTE):
    """An event type that no specification names.

    Impact: openai-node stream() throws 'Unhandled response stream event'; strict unions reject; others
        ignore.
    Bad: foo.bar
    Good: vendor:event
    Fine: the vendor's own events (`vendor:name`); new ones of OpenAI that this release does not know
        yet.
    Source: Open Responses, Extending streaming events (vendor: prefix).
    Fix: prefix with vendor:.
    """

    message = "unknown event type {type}"


class StrayErrorMember(Rule, code="SC809", severity=Severity.ERROR):
    """An event that is not an error has a top-level `error` member.

    Impact: openai-python, openai-node and all users of them raise APIError here.
    Bad: failed{error:{..}}
    Good: failed{response:{error:{..}}}
    Fine: an `error: null`.
    Source: openai-node/openai-python Stream: any truthy data.error raises.
    Fix: put it into response.error.
    """

    message = "{type} at {position} has a top-level error member"
