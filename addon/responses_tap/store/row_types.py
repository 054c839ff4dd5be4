"""Validates the rows of a query by the types of its columns: a file may come from anywhere."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from responses_tap.escaping import shorten

type Values = tuple[Any, ...]


class Misfit(ValueError):  # noqa: N818 - it is about the value
    """A value that isn't of its column's type."""

    def __init__(self, row: int, column: str, reason: str) -> None:
        super().__init__(f"{column}: {reason}")
        self.row = row
        """0-based among the rows of the query."""


class RowType:
    """What a query's rows must be: the columns' names, and their types as in annotations."""

    def __init__(self, table: str, types: dict[str, Any]) -> None:
        self.table = table
        self.names = list(types)
        self._types = types

    @classmethod
    def of(
        cls, table: str, made: type, types: Mapping[str, object] | None = None, names: Iterable[str] | None = None
    ) -> "RowType":
        """The fields of a class, or those with these names, in that order.

        `types` replaces types named by the annotations (`Count`) by ones with limits.
        """
        hints = get_type_hints(made, {**vars(sys.modules[made.__module__]), **(types or {})}, include_extras=True)
        return cls(table, hints if names is None else {name: hints[name] for name in names})

    def read(self, rows: Sequence[Values]) -> list[Values]:
        """The rows with their values converted; Misfit for the first that doesn't fit."""
        try:
            return self._adapter.validate_python(rows)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            row, column = int(first["loc"][0]), int(first["loc"][1])
            raise Misfit(row, self.names[column], shorten(first["msg"], 120)) from error

    def sift(self, rows: Sequence[Values]) -> tuple[list[Values], list[tuple[Values, Misfit]]]:
        """The rows that fit, and what is wrong with the others."""
        try:
            return self.read(rows), []
        except Misfit:
            fitting: list[Values] = []
            others: list[tuple[Values, Misfit]] = []
        for row in rows:
            try:
                fitting += self.read([row])
            except Misfit as misfit:
                others.append((row, misfit))
        return fitting, others

    @cached_property
    def _adapter(self) -> TypeAdapter[list[Values]]:
        row: Any = tuple.__class_getitem__(tuple(self._types.values()))
        return TypeAdapter(list[row], config=ConfigDict(strict=True))
