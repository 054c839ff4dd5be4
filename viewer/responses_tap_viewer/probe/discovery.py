"""The first questions to a server: whether it is there, speaks the API, takes the key, and has the model."""

import re

from responses_tap.errors import UnusableInput
from responses_tap.protocol.bodies import UNREACHED
from responses_tap_viewer.probe.answer import Answer
from responses_tap_viewer.probe.client import ProbeClient, ProbeRequest, encoded

_BAD_GATEWAY = 502
_NOT_FOUND = (404, 405)
_REDIRECTS = range(300, 400)
_SHOWN_MODELS = 8
_MODEL = re.compile(r"(?<![\w/-])model\b", re.IGNORECASE)
"""A word of an error that speaks of the model, not of a path."""


def discover(client: ProbeClient, url: str, model: str) -> str:
    """The `Server` header of a server that takes a request; UnusableInput, in one line, where nothing can be asked.

    The request also wakes the server: what it needs to start must not count for its speed.
    """
    body = encoded({"model": model, "input": "Hello", "stream": True})
    answer = client.send(ProbeRequest("POST", "/responses", body, ""))
    if message := _unusable(client, answer, model):
        raise UnusableInput(url, message)
    return answer.headers.get("server", "")


def _unusable(client: ProbeClient, answer: Answer, model: str) -> str:
    """Why a server can't be probed, empty where it can."""
    kind = answer.content_type or "no content type"
    to = answer.headers.get("location", "nowhere").removesuffix("/responses")
    reasons = (
        (answer.status in (0, _BAD_GATEWAY), f"doesn't respond ({_cause(answer, client.between)})"),
        (
            answer.status in _REDIRECTS,
            f"redirects to {to} ({answer.status}); give the URL that it redirects to",
        ),
        (
            answer.refuses_key,
            f"refuses the key ({answer.status}: {answer.words}); give one with --api-key-env or --header",
        ),
        (bool(answer.failure), f"fails at a plain request ({answer.failure})"),
        (
            "html" in answer.content_type,
            f"returns an HTML page ({answer.status}); give the API's base URL, which often ends in /v1",
        ),
    )
    if told := next((message for applies, message in reasons if applies), ""):
        return told
    if answer.refusal and not answer.is_limited:
        return _refused(client, answer, model)
    return (
        "" if answer.events or answer.is_limited else f"responds to a plain request with {kind}, without a single event"
    )


def _refused(client: ProbeClient, answer: Answer, model: str) -> str:
    models = _models(client)
    if models and model not in models:
        others = ", ".join(models[:_SHOWN_MODELS]) + (", …" if len(models) > _SHOWN_MODELS else "")
        return f"has no model {model!r}; it has {others}"
    is_missing = answer.status in _NOT_FOUND
    if answer.error_code == "model_not_found" or (is_missing and _MODEL.search(answer.words)):
        return f"has no model {model!r} ({answer.refusal})"
    if is_missing:
        return f"has no Responses API there: POST /responses returns {answer.refusal}"
    return f"refuses a plain request ({answer.refusal})"


def _cause(answer: Answer, between: str) -> str:
    cause = answer.trouble.removeprefix(f"{UNREACHED} (").removesuffix(")") or answer.words
    if "CERTIFICATE_VERIFY_FAILED" in cause or "ertificate verify failed" in cause:
        return "its certificate isn't trusted; name the CA's file in SSL_CERT_FILE"
    return f"{cause}; asked through the environment's proxy {between}" if between else cause


def _models(client: ProbeClient) -> list[str]:
    listed = client.send(ProbeRequest("GET", "/models", None, ""))
    data = listed.response.get("data")
    return [str(model.get("id")) for model in data if isinstance(model, dict)] if isinstance(data, list) else []
