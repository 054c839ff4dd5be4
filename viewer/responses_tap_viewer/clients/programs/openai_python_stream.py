"""openai for Python: the helper responses.stream(), and its final response."""

from harness import KEY, MODEL, serve
from openai import OpenAI


def run(answer, base_url, _tools):
    client = OpenAI(base_url=base_url, api_key=KEY, max_retries=0)
    with client.responses.stream(model=MODEL, input="Hi") as stream:
        for _event in stream:
            pass
        answer.response(stream.get_final_response())


serve("openai-python stream()", "openai", run)
