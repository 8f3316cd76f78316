"""Modules that make tables from tables."""

from __future__ import annotations

import numpy as np

from beamloom.rules.errors import RuleError
from beamloom.rules.recipes.expressions import Expression
from beamloom.rules.recipes.registry import module
from beamloom.rules.recipes.values import Table


@module("tablefilters.FilterTable", output_name=Table)
def filter_table(input_name: Table, filters: dict[str, tuple[float, float]]) -> Table:
    """Keeps the rows of which each column named in ``filters`` lies between its two numbers, these included."""
    kept = np.ones(len(input_name), bool)
    for column, (low, high) in filters.items():
        values = input_name.column(column)
        kept &= (values >= low) & (values <= high)
    return input_name.rows(kept)


@module("tablefilters.Where", output_name=Table)
def where(input_name: Table, expression: str) -> Table:
    """Keeps the rows for which an expression over the columns holds."""
    return input_name.rows(
        np.broadcast_to(Expression(expression)(input_name.columns), len(input_name)).astype(bool)
    )


@module("tablefilters.Mapping", output_name=Table)
def mapping(input_name: Table, columns: dict[str, str]) -> Table:
    """Adds or replaces columns by expressions over the columns, the later ones also over the earlier."""
    found = dict(input_name.columns)
    for name, expression in columns.items():
        found[name] = np.broadcast_to(Expression(expression)(found), len(input_name)).copy()
    return Table(found, input_name.about)


@module("tablefilters.ConcatenateTables", output_name=Table)
def concatenate(input_names: dict[str, Table]) -> Table:
    """The rows of several tables that have the same columns, one after the other."""
    tables = list(input_names.values())
    names = list(tables[0].columns)
    for called, table in input_names.items():
        if set(table.columns) != set(names):
            differing = ", ".join(sorted(set(table.columns) ^ set(names)))
            raise RuleError(f"{called!r} has other columns than the first table: {differing}")
    return Table(
        {name: np.concatenate([table.columns[name] for table in tables]) for name in names}, tables[0].about
    )
