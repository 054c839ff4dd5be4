"""The OpenAI Agents SDK for Python: Runner.run_streamed, with the tools that the stream calls."""

from agents import (
    Agent,
    FunctionTool,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    set_tracing_disabled,
)
from harness import KEY, MODEL, serve
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

set_tracing_disabled(True)


def _tool(name):
    async def called(_context, _arguments):
        return "done"

    schema = {"type": "object", "properties": {}, "additionalProperties": True}
    return FunctionTool(name, "A tool.", schema, called, strict_json_schema=False)


async def run(answer, base_url, tools):
    http_client = DefaultAsyncHttpxClient(verify=False)  # loading certificates takes longer than all the rest
    async with AsyncOpenAI(base_url=base_url, api_key=KEY, max_retries=0, http_client=http_client) as client:
        model = OpenAIResponsesModel(MODEL, client)
        agent = Agent("Agent", model=model, tools=[*map(_tool, tools)], tool_use_behavior="stop_on_first_tool")
        running = Runner.run_streamed(agent, "Hi", max_turns=1, run_config=RunConfig(tracing_disabled=True))
        async for _event in running.stream_events():
            pass
        for response in running.raw_responses:
            response_like = _Response(response.output)
            answer.response(response_like)
            if response.usage.requests:
                answer.used(response.usage.input_tokens, response.usage.output_tokens)


class _Response:
    usage = None

    def __init__(self, output):
        self.output = output


serve("openai-agents", "openai-agents", run)
