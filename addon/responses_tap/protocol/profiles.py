"""Which rules apply, and how severely, where servers or sources differ: data, no code paths."""

from dataclasses import dataclass, field
from typing import Any

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.objects import OPEN_RESPONSES_FIELDS, RESPONSE_FIELDS


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of changes to the rules' own severities; None switches a rule off."""

    name: str
    about: str
    severities: dict[str, Severity | None] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()
    """Ends of the host names, with the path where the host alone does not tell, that serve it."""
    marks: tuple[str, ...] = ()
    """Fields of the response object that only its servers send."""
    response_fields: tuple[str, ...] = RESPONSE_FIELDS
    """What a response must have in its first and last snapshot."""

    def severity(self, code: str, default: Severity) -> Severity | None:
        """How severe rule `code` is under this profile, None where it does not apply."""
        return self.severities.get(code, default)


PROFILES = {
    p.name: p
    for p in (
        Profile("openai", "what OpenAI's own streams keep to", {"TR909": None}),
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
