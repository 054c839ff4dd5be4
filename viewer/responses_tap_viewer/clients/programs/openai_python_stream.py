"""openai for Python: the helper responses.stream(), and its final response."""

from harness import KEY, MODEL, serve
from openai import OpenAI

CLIENT = OpenAI(base_url="http://127.0.0.1", api_key=KEY, max_retries=0)


def run(answer, base_url, _tools):
    client = CLIENT.with_options(base_url=base_url)
    with client.responses.stream(model=MODEL, input="Hi") as stream:
        for _event in stream:
            pass
        answer.response(stream.get_final_response())


serve("openai-python stream()", "openai", run)
