"""Which rules apply, and how severely, where servers or sources differ: data, no code paths."""

from dataclasses import dataclass, field

from responses_tap.protocol.findings import Severity
from responses_tap.protocol.objects import OPEN_RESPONSES_FIELDS, RESPONSE_FIELDS


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of changes to the rules' own severities; None switches a rule off."""

    name: str
    about: str
    severities: dict[str, Severity | None] = field(default_factory=dict)
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
            OPEN_RESPONSES_FIELDS,
        ),
        Profile("azure", "Azure OpenAI", {"TR909": None, "MD311": Severity.WARNING, "ST706": None}),
        Profile("codex", "the backend of Codex", {"TR909": None, "AG606": Severity.NOTE}),
        Profile(
            "copilot",
            "GitHub Copilot, whose ids change from event to event",
            {"TR909": None} | dict.fromkeys(("ID501", "ID502", "ID503", "ID504"), Severity.NOTE),
        ),
    )
}
DEFAULT_PROFILE = "openai"
