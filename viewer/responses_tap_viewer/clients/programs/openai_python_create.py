"""openai for Python: responses.create(stream=True), the events as they come."""

from harness import KEY, MODEL, serve
from openai import OpenAI

CLIENT = OpenAI(base_url="http://127.0.0.1", api_key=KEY, max_retries=0)


def run(answer, base_url, _tools):
    client = CLIENT.with_options(base_url=base_url)
    for event in client.responses.create(model=MODEL, input="Hi", stream=True):
        if event.type == "response.output_text.delta":
            answer.text += event.delta
        elif event.type in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
            answer.reasoning += event.delta
        elif event.type == "response.output_item.done" and event.item.type == "function_call":
            answer.call(event.item.call_id, event.item.name, event.item.arguments)
        elif event.type == "response.output_item.done" and event.item.type == "custom_tool_call":
            answer.call(event.item.call_id, event.item.name, event.item.input)
        elif event.type in ("response.completed", "response.incomplete", "response.failed"):
            usage = event.response.usage
            if usage is not None:
                answer.used(usage.input_tokens, usage.output_tokens)


serve("openai-python create", "openai", run)
