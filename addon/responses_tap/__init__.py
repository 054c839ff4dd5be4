"""Record streams of the OpenAI Responses API, check them against the protocol, and look at them.

The data flows one way: bytes → frames → events → scopes and rules → findings → rows → a user.

- `protocol` says what a correct stream is, and nothing else: no I/O, no clock, no threads.
- `store` keeps streams in one SQLite file, `formats` reads and writes others, `privacy` keeps secrets out.
- `stream` says what a stream is, judges it, and turns it into rows for every screen and report.
- `recorder` is the worker process that turns chunks into rows; `mitm` ties it to mitmproxy.

    from responses_tap import check

    report = check(body)
    assert report.ok, report.findings
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from responses_tap.protocol.check import Report, check
    from responses_tap.protocol.checker import RULES_VERSION, Checker
    from responses_tap.protocol.findings import Finding, Severity
    from responses_tap.protocol.sse import Decoder, Frame
    from responses_tap.store import open_recording

_HOMES = {
    "RULES_VERSION": "protocol.checker",
    "Checker": "protocol.checker",
    "Report": "protocol.check",
    "check": "protocol.check",
    "Finding": "protocol.findings",
    "Severity": "protocol.findings",
    "Decoder": "protocol.sse",
    "Frame": "protocol.sse",
    "open_recording": "store",
}

__all__ = [
    "RULES_VERSION",
    "Checker",
    "Decoder",
    "Finding",
    "Frame",
    "Report",
    "Severity",
    "check",
    "open_recording",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as in PEP 562
    # Each name is imported on first use: `--help` needs no checker, and checking needs no database.
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
