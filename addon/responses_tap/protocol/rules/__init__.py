"""The rules, one file a group. Importing this package registers them all."""

from responses_tap.protocol.rules import (
    agreement,
    identity,
    lifecycle,
    missing,
    nesting,
    order,
    request,
    schema,
    status,
    timing,
    transport,
    websocket,
)
from responses_tap.protocol.rules.rule import DISPATCH, RULES, Loss, Page, Rule

GROUPS = (
    lifecycle,
    nesting,
    missing,
    order,
    identity,
    agreement,
    status,
    schema,
    transport,
    websocket,
    timing,
    request,
)
"""The groups in the order of their numbers: LC1xx, NS2xx, MD3xx, …."""

__all__ = ["DISPATCH", "GROUPS", "RULES", "Loss", "Page", "Rule"]
