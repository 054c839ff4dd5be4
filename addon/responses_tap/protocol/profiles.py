"""Which rules apply, and how severely, where servers or sources differ: data, no code paths."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.objects import OPEN_RESPONSES_FIELDS, RESPONSE_FIELDS


class Lack(StrEnum):
    """What a text does not show of the stream that it was copied from."""

    EXCERPT = "excerpt"
    """Where the stream begins and ends."""
    SHORTENED = "shortened"
    """Parts of some events: `…`, `[Object]`, `[truncated]`."""
    SNAPSHOTS = "shortened snapshots"
    """Parts of the response in its lifecycle events."""
    DELTAS = "deltas left out"
    OMITTED = "events left out"
    NAMES = "names only"
    """Anything but the types of the events."""


_SNAPSHOT_RULES = (
    "SC801",
    "SC803",
    "ID512",
    "SC810",
    "SC811",
    "SC812",
    "AG605",
    "AG606",
    "AG607",
    "AG611",
    "MD311",
    "LC108",
    "ST7",
)
_DELTA_RULES = ("AG601", "AG602", "AG603", "AG604", "MD309", "MD310", "ID508", "ID511", "ID512")
_ID_RULES = ("ID501", "ID502", "ID503", "ID504", "ID513", "ID514", "ID516")
_UNASKED = {
    Lack.EXCERPT: ("LC101", "LC103", "ID512", "TR911"),
    Lack.SNAPSHOTS: (*_SNAPSHOT_RULES, "ID504"),
    Lack.SHORTENED: (
        *_SNAPSHOT_RULES,
        *_DELTA_RULES,
        *_ID_RULES,
        "AG",
        "NS209",
        "SC802",
        "SC803",
        "SC804",
        "SC805",
        "SC813",
    ),
    Lack.DELTAS: _DELTA_RULES,
    Lack.OMITTED: (*_DELTA_RULES, "LC101", "LC103", "LC104", "LC108", "NS201", "NS202", "NS203", "MD", "ID507"),
    Lack.NAMES: (
        *("AG", "ID", "RQ", "SC80", "SC81", "ST", "TM", "TR", "WS"),
        *("LC108", "NS204", "NS205", "NS206", "NS209", "MD308", "MD309", "MD310", "MD311"),
    ),
}
"""The rules that cannot be asked of such a text, by how their codes begin."""


def unasked(lacks: Collection[Lack]) -> tuple[str, ...]:
    """How the codes begin of the rules that cannot be asked of a text that lacks these, in order."""
    codes = sorted({code for lack in lacks for code in _UNASKED[lack]})
    return tuple(code for code in codes if not code.startswith(tuple(other for other in codes if other != code)))


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of changes to the rules' own severities; None switches a rule off."""

    name: str
    about: str
    severities: dict[str, Severity | None] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    """Ends of the host names that serve it, with the path where the host alone does not identify it."""
    marks: tuple[str, ...] = ()
    """Fields of the response object that only its servers send."""
    response_fields: tuple[str, ...] = RESPONSE_FIELDS
    """What a response must have in its first and last snapshot."""
    unasked: tuple[str, ...] = ()
    """How the codes begin of rules that the source of the stream cannot answer."""
    asked: tuple[str, ...] = ("",)
    """And of those that it can."""
    noted: tuple[str, ...] = ()
    """And of those that are only a note, whatever they say."""

    def severity(self, code: str, default: Severity, own: Severity | None = None) -> Severity | None:
        """How severe a finding of rule `code` is under this profile, None where the rule does not apply.

        `own` is the finding's own severity, where it has one.
        """
        can_answer = code.startswith(self.asked) and not code.startswith(self.unasked)
        asked = self.severities.get(code, default) if can_answer else None
        if asked is None:
            return None
        return Severity.NOTE if code.startswith(self.noted) else own or asked

    @property
    def over_websocket(self) -> "Profile":
        """The same profile, for a response that comes over a WebSocket.

        By the SDKs' contract it need not send all set-up events there, and may leave `output` out (openai-python 3.57,
        lib/responses_websocket/_session.py; openai-node#3088).
        """
        return replace(self, noted=("NS201", "NS202", "MD3", "AG606"))

    def without(self, lacks: Collection[Lack]) -> "Profile":
        """The same profile, for a text that does not show all of its stream."""
        return replace(self, unasked=unasked(lacks)) if lacks else self


PROFILES = {
    p.name: p
    for p in (
        Profile("openai", "OpenAI's API (the default)", {"TR909": None}),
        Profile(
            "open-responses",
            "the Open Responses specification of 2026-04-24",
            {"SC802": None, "TR909": Severity.WARNING, "SC807": Severity.WARNING},
            response_fields=OPEN_RESPONSES_FIELDS,
        ),
        Profile(
            "azure",
            "Azure OpenAI",
            {"TR909": None, "MD311": Severity.WARNING, "ST706": None},
            hosts=(".openai.azure.com", ".services.ai.azure.com"),
            marks=("content_filters",),
        ),
        Profile(
            "codex",
            "the backend of Codex",
            {"TR909": None, "AG606": Severity.NOTE},
            hosts=("chatgpt.com/backend-api/codex",),
        ),
        Profile(
            "copilot",
            "GitHub Copilot, whose ids change from event to event",
            {"TR909": None} | dict.fromkeys(("ID501", "ID502", "ID503", "ID504"), Severity.NOTE),
            hosts=("githubcopilot.com",),
        ),
    )
}
DEFAULT_PROFILE = "openai"
AUTO = "auto"
"""Not a profile: choose one for each stream."""


def choose(url: str, response: dict[str, Any]) -> tuple[str, str]:
    """The profile for a stream, and why: by its URL ("" where it is not known), else by its first response."""
    place = url.partition("://")[2]
    host, _, path = place.partition("/")
    for profile in PROFILES.values():
        for end in profile.hosts:
            name, slash, prefix = end.partition("/")
            if host.partition(":")[0].endswith(name) and (not slash or path.startswith(prefix)):
                return profile.name, f"the host is {host}"
    for profile in PROFILES.values():
        for mark in profile.marks:
            if mark in response:
                return profile.name, f"the response has {mark}"
    return DEFAULT_PROFILE, "neither host nor response speak for another"
