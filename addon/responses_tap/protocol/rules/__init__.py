"""The rules, one file a group: LC lifecycle, NS nesting, MD missing, OR order, ID identity, AG agreement,
ST status, SC schema, TR transport. Importing this package registers them all."""  # noqa: D205, D209

from responses_tap.protocol.rules import (
    agreement,
    identity,
    lifecycle,
    missing,
    nesting,
    order,
    schema,
    status,
    transport,
)
from responses_tap.protocol.rules.rule import DISPATCH, RULES, Page, Rule

__all__ = [
    "DISPATCH", "RULES", "Page", "Rule", "agreement", "identity", "lifecycle", "missing", "nesting", "order", "schema",
    "status", "transport",
]  # fmt: skip
