"""What was measured with the official clients: what became of them on streams with the defect of each rule.

measured.json has it; `responses-tap impact --all-faults` makes that file.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from responses_tap.protocol.findings import Finding

DATA = "measured.json"
VERSION = 1
UNHARMED = ""
"""The effect on a client that delivers all that it delivers of the correct stream."""
_TYPE = re.compile(r"\b(?:response\.[a-z_.]*[a-z]|error)\b")
_INDEX = re.compile(r"\[\d+\]")


class Effect(NamedTuple):
    """What became of a client on streams with one defect."""

    words: str
    """`raises RuntimeError (…)`, `loses text`; empty where it is unharmed."""
    times: int
    """On how many of the streams."""
    of: int
    """How many streams it was measured with."""

    @property
    def kind(self) -> str:
        """`raises`, `hangs`, `loses`, `doubles`, `garbles`; empty where it is unharmed."""
        return self.words.partition(" ")[0]


def signature(finding: Finding) -> str:
    """What tells the findings of one rule apart that clients may take differently: its fields, the types it names."""
    fields = {_INDEX.sub("", path).rpartition(".")[2] for path in finding.fields}
    types = {*_TYPE.findall(finding.text), *([finding.missing] if finding.missing else [])}
    return " ".join([*sorted(fields), *sorted(types)])


@cache
def measurements() -> Mapping[str, Any]:
    """What measured.json has.

    `{"version": 1, "clients": {NAME: {"version", "date"}}, "faults": {CODE: {SIGNATURE: {NAME: {EFFECT: times}}}}}`.
    """
    from importlib.resources import files  # takes longer to import than the rules

    measured: Mapping[str, Any] = json.loads((files(__package__) / DATA).read_bytes())
    return measured


def effects(code: str, finding: Finding | None = None, data: Mapping[str, Any] | None = None) -> dict[str, Effect]:
    """The most frequent effect of a rule's defect on each client; on streams like the finding's, where there were any.

    Empty where the rule has not been measured. `data` is measured.json, or another one like it.
    """
    data = data or measurements()
    counts = _counts(code, _case(code, finding, data), data)
    return {client: _most_frequent(times) for client, times in counts.items()}


def _case(code: str, finding: Finding | None, data: Mapping[str, Any]) -> str | None:
    """The signature of a finding, None where no stream like its was measured."""
    found = None if finding is None else signature(finding)
    return found if found in data["faults"].get(code, {}) else None


def _counts(code: str, case: str | None, data: Mapping[str, Any]) -> dict[str, Counter[str]]:
    """How often each client had each effect; in this case only, for the clients that it was measured with."""
    cases = data["faults"].get(code, {})
    alike = {} if case is None else cases[case]
    counts: dict[str, Counter[str]] = {}
    for each in cases.values():
        for client, times in each.items():
            counts.setdefault(client, Counter()).update(times)
    return counts | {client: Counter(times) for client, times in alike.items()}


def said(code: str, finding: Finding | None = None) -> str:
    """Each client that fails on any of the streams, in words; empty where the rule has not been measured."""
    return _said(code, _case(code, finding, measurements()))


@cache
def _said(code: str, case: str | None) -> str:
    found = _counts(code, case, measurements())
    if not found:
        return ""
    date = max(measurements()["clients"][client]["date"] for client in found)
    return f"Measured, last on {date}: {'; '.join(_harmed(found)) or 'no tested client fails'}."


def _harmed(found: Mapping[str, Counter[str]]) -> Iterator[str]:
    """The clients that a defect harms, each with its version, those that it harms alike together."""
    alike: dict[str, list[str]] = {}
    for client, times in found.items():
        harms = Counter({words: number for words, number in times.items() if words})
        if harms:
            effect, of = _most_frequent(harms), times.total()
            share = "" if effect.times == of else f" in {effect.times} of {of} streams"
            name, _, api = client.partition(" ")
            version = measurements()["clients"][client]["version"]
            alike.setdefault(effect.words + share, []).append(f"{name} {version} {api}".strip())
    yield from (f"{', '.join(clients)}: {words}" for words, clients in alike.items())


def _most_frequent(times: Counter[str]) -> Effect:
    """The words of the most frequent kind of effect."""
    kinds: Counter[str] = Counter()
    for words, number in times.items():
        kinds[words.partition(" ")[0]] += number
    kind, number = kinds.most_common(1)[0]
    words = max((each for each in times if each.partition(" ")[0] == kind), key=times.__getitem__)
    return Effect(words, number, times.total())
