"""How to point each known client at the recorder, as a table."""

from collections.abc import Iterator
from typing import NamedTuple

from responses_tap_viewer.actions.recording.environment import TRUST

BASE_URL = "http://127.0.0.1:8090/v1"
"""The default address of `record`."""


class Client(NamedTuple):
    """A client, and how to configure it."""

    title: str
    honours_environment: bool
    """Whether OPENAI_BASE_URL is enough, so that `record -- COMMAND` needs nothing else."""
    how: str
    """Lines to set or to write; `{url}` is the base URL that `record` prints."""
    proxy: str
    """The variables for a proxy and its CA that it reads."""
    speaks: str
    """The HTTP version and content encodings that it requests."""


_PYTHON_PROXY = "HTTPS_PROXY and SSL_CERT_FILE (not REQUESTS_CA_BUNDLE)"
_NODE_PROXY = (
    "HTTPS_PROXY with NODE_USE_ENV_PROXY=1 from Node 22.21 and 24 on, NODE_EXTRA_CA_CERTS; "
    "older ones go past a proxy: set the base URL"
)
_PYTHON_SPEAKS = "HTTP/1.1; gzip, deflate"
_NODE_SPEAKS = "HTTP/1.1; gzip, deflate, and br over TLS"
_EXPORT = "export OPENAI_BASE_URL={url}"

CLIENTS = {
    "openai-python": Client(
        "openai for Python",
        True,
        f'{_EXPORT}\n# or in the code:\nclient = OpenAI(base_url="{{url}}")',
        _PYTHON_PROXY,
        _PYTHON_SPEAKS,
    ),
    "openai-agents": Client("OpenAI Agents SDK for Python", True, _EXPORT, _PYTHON_PROXY, _PYTHON_SPEAKS),
    "langchain-openai": Client(
        "LangChain's OpenAI package",
        True,
        f'{_EXPORT}\n# or in the code:\nChatOpenAI(model="…", base_url="{{url}}", use_responses_api=True)',
        _PYTHON_PROXY,
        _PYTHON_SPEAKS,
    ),
    "pydantic-ai": Client(
        "Pydantic AI",
        True,
        f'{_EXPORT}\n# and use the Responses API:\nAgent("openai-responses:…")',
        _PYTHON_PROXY,
        _PYTHON_SPEAKS,
    ),
    "openai-node": Client(
        "openai for Node",
        True,
        f'{_EXPORT}\n# or in the code:\nconst client = new OpenAI({{{{ baseURL: "{{url}}" }}}})',
        _NODE_PROXY,
        _NODE_SPEAKS,
    ),
    "ai-sdk": Client(
        "Vercel AI SDK",
        True,
        f"{_EXPORT}   # read since @ai-sdk/openai 3\n# or in the code:\n"
        'const openai = createOpenAI({{ baseURL: "{url}" }})\nstreamText({{ model: openai.responses("…"), … }})',
        _NODE_PROXY,
        _NODE_SPEAKS,
    ),
    "codex": Client(
        "Codex CLI",
        False,
        "codex -c openai_base_url={url}   # tries a WebSocket first, then POSTs\n"
        "# or in ~/.codex/config.toml:\n"
        'model_provider = "tap"\n'
        "[model_providers.tap]\n"
        'name = "responses-tap"\n'
        'base_url = "{url}"\n'
        'wire_api = "responses"\n'
        'env_key = "OPENAI_API_KEY"',
        "HTTPS_PROXY, and SSL_CERT_FILE or CODEX_CA_CERTIFICATE",
        "HTTP/1.1, through a proxy HTTP/2; zstd and gzip (up to 0.169 none)",
    ),
    "curl": Client(
        "curl",
        False,
        "curl -sN {url}/responses \\\n"
        '  -H "Authorization: Bearer $OPENAI_API_KEY" -H "Content-Type: application/json" \\\n'
        '  -d \'{{"model": "…", "input": "Say hello", "stream": true}}\'',
        "HTTPS_PROXY, and SSL_CERT_FILE or CURL_CA_BUNDLE; or --proxy URL --cacert FILE",
        "HTTP/1.1, through a proxy HTTP/2; no encoding without --compressed",
    ),
}
"""Every client by its name, as `clients NAME` takes it."""


def find_client(name: str) -> Client | None:
    """The client with that name, or the only one whose name contains it; None for none or several."""
    name = name.lower()
    if name in CLIENTS:
        return CLIENTS[name]
    found = [client for key, client in CLIENTS.items() if name in key or name in client.title.lower()]
    return found[0] if len(found) == 1 else None


def client_list() -> Iterator[str]:
    """A line for each client, and what applies to all."""
    for name, client in CLIENTS.items():
        way = "OPENAI_BASE_URL is enough" if client.honours_environment else "has to be told"
        yield f"{name:<17} {client.title:<29} {way}"
    yield ""
    yield "`responses-tap clients NAME` prints how."
    yield ""
    yield "A client whose base URL cannot be changed goes through `responses-tap record --mode regular`, a proxy with a"
    yield f"CA, which sets or prints {', '.join(TRUST[:4])} and others."
    yield "One that reads none of them has to be made to trust ~/.mitmproxy/mitmproxy-ca-cert.pem (`mitmdump` makes it)"


def client_page(client: Client, url: str = BASE_URL) -> Iterator[str]:
    """How to point a client at the recorder."""
    yield client.title
    yield ""
    yield from (f"  {line}" for line in client.how.format(url=url).splitlines())
    yield ""
    if client.honours_environment:
        yield "Under `responses-tap record -- COMMAND` nothing needs to be set."
    yield "The address is the default one of `record`, which prints its own."
    yield ""
    yield "As a proxy with a CA: responses-tap record --mode regular -- COMMAND"
    yield f"It reads {client.proxy}."
    yield f"It speaks {client.speaks}."
