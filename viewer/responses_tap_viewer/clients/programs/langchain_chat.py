"""LangChain: ChatOpenAI(use_responses_api=True).stream, its chunks added up."""

from harness import KEY, MODEL, serve
from langchain_openai import ChatOpenAI
from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

CLIENTS = {"http_client": DefaultHttpxClient(), "http_async_client": DefaultAsyncHttpxClient()}


def run(answer, base_url, _tools):
    model = ChatOpenAI(
        model=MODEL,
        base_url=base_url,
        api_key=KEY,
        use_responses_api=True,
        max_retries=0,
        output_version="v1",
        **CLIENTS,
    )
    whole = None
    for chunk in model.stream("Hi"):
        whole = chunk if whole is None else whole + chunk
    if whole is None:
        return
    for block in whole.content_blocks:
        if block["type"] == "text":
            answer.text += block["text"]
        elif block["type"] == "reasoning":
            answer.reasoning += block.get("reasoning", "")
    for call in whole.tool_calls:
        answer.call(call["id"], call["name"], call["args"])
    for call in whole.invalid_tool_calls:
        answer.call(call["id"], call["name"], call["args"])
    if whole.usage_metadata is not None:
        answer.used(whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"])


serve("langchain-openai", "langchain-openai", run)
