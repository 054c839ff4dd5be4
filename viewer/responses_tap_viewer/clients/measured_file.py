"""The file of measurements: renewing it, what that changes, and what it says against the rules."""

from collections.abc import Iterator, Mapping
from typing import Any

from responses_tap.escaping import dumps
from responses_tap.protocol.findings import Severity
from responses_tap.protocol.rules import RULES
from responses_tap.protocol.rules.measured import Effect, effects

type Measurements = Mapping[str, Any]
"""As measured.json."""


def renewed(old: Measurements, new: Measurements) -> dict[str, Any]:
    """The measurements with those of the clients in `new` replaced; the other clients keep theirs."""
    kept = [client for client in old["clients"] if client not in new["clients"]]
    faults: dict[str, dict[str, dict[str, Any]]] = {}
    for each, clients in ((old, kept), (new, list(new["clients"]))):
        for code, cases in each["faults"].items():
            for signature, case in cases.items():
                alike = {client: dict(case[client]) for client in clients if client in case}
                faults.setdefault(code, {}).setdefault(signature, {}).update(alike)
    return {
        "version": new["version"],
        "clients": dict(sorted((old["clients"] | new["clients"]).items())),
        "faults": {code: dict(sorted(faults[code].items())) for code in sorted(faults)},
    }


def written(measurements: Measurements) -> str:
    """The file's content."""
    return dumps(measurements)


def changes(old: Measurements, new: Measurements) -> Iterator[str]:
    """A line for each client whose version, and for each rule and client whose effect is another now."""
    for client, now in new["clients"].items():
        was = old["clients"].get(client)
        if was is None or was["version"] != now["version"]:
            yield f"{client}: {now['version']}" + (f" (was {was['version']})" if was else " (new)")
    for code in new["faults"]:
        before, after = effects(code, data=old), effects(code, data=new)
        for client, effect in after.items():
            if client in before and before[client].kind != effect.kind:
                yield f"{code}: {client} {_said(effect)} (before: {_said(before[client])})"


def contradictions(measurements: Measurements) -> Iterator[str]:
    """A line for each rule whose severity isn't what its measurements suggest."""
    for code, cases in measurements["faults"].items():
        found = effects(code, data=measurements)
        harmed = [client for client, effect in found.items() if effect.words]
        is_harmless = not any(any(times) for case in cases.values() for times in case.values())
        severity = RULES[code].severity
        if found and severity is Severity.ERROR and is_harmless:
            yield f"{code} is an error, and no tested client fails on any stream"
        elif found and severity is not Severity.ERROR and len(harmed) * 2 >= len(found):
            yield f"{code} is a {severity}, and {len(harmed)} of {len(found)} tested clients fail"


def _said(effect: Effect) -> str:
    return effect.words or "is unharmed"
