"""Pydantic AI: model_request_stream with OpenAIResponsesModel, and its final response."""

from harness import KEY, MODEL, serve
from openai import AsyncOpenAI, DefaultAsyncHttpxClient
from pydantic_ai.direct import model_request_stream
from pydantic_ai.messages import ModelRequest, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.tools import ToolDefinition


async def run(answer, base_url, tools):
    http_client = DefaultAsyncHttpxClient(verify=False)  # loading certificates takes longer than all the rest
    client = AsyncOpenAI(base_url=base_url, api_key=KEY, max_retries=0, http_client=http_client)
    model = OpenAIResponsesModel(MODEL, provider=OpenAIProvider(openai_client=client))
    wanted = ModelRequestParameters(function_tools=[ToolDefinition(name=name) for name in tools])
    request = [ModelRequest.user_text_prompt("Hi")]
    async with model_request_stream(model, request, model_request_parameters=wanted) as stream:
        async for _event in stream:
            pass
        response = stream.get()
    for part in response.parts:
        if isinstance(part, TextPart):
            answer.text += part.content
        elif isinstance(part, ThinkingPart):
            answer.reasoning += part.content
        elif isinstance(part, ToolCallPart):
            answer.call(part.tool_call_id, part.tool_name, part.args)
    answer.used(response.usage.input_tokens, response.usage.output_tokens)


serve("pydantic-ai", "pydantic-ai-slim", run)
