"""LiteLLM: completion(stream=True) of a model behind the Responses API, its chunks put together."""

import litellm
from harness import KEY, MODEL, serve

litellm.telemetry = False


def run(answer, base_url, _tools):
    chunks = litellm.completion(
        model=f"openai/responses/{MODEL}",
        messages=[{"role": "user", "content": "Hi"}],
        stream=True,
        stream_options={"include_usage": True},
        api_base=base_url,
        api_key=KEY,
        num_retries=0,
        max_retries=0,
    )
    calls = {}
    for chunk in chunks:
        usage = getattr(chunk, "usage", None)
        if usage is not None:
            answer.used(usage.prompt_tokens, usage.completion_tokens)
        for choice in chunk.choices:
            answer.text += choice.delta.content or ""
            answer.reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            for call in choice.delta.tool_calls or []:
                known = calls.setdefault(call.index, {"id": None, "name": "", "arguments": ""})
                known["id"] = known["id"] or call.id
                known["name"] += call.function.name or ""
                known["arguments"] += call.function.arguments or ""
    answer.tool_calls = list(calls.values())


serve("litellm", "litellm", run)
