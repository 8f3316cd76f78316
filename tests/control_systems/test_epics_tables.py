"""What results are tables, and what they become as an NTTable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("p4p", reason="needs p4p: pip install 'beamloom[epics]'")

from beamloom.control.epics.tables import TableVariable, columns_of
from beamloom.control.panels.arrays import WantedTable, wanted_tables


@pytest.mark.parametrize(
    ("value", "columns"),
    [
        ({"x": np.array([1, 2]), "y": [0.5, 1.5]}, {"x": [1, 2], "y": [0.5, 1.5]}),
        (np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]), {"a": [1], "b": [2.5]}),
        ([{"name": "Fe", "good": True}, {"name": "Kα", "good": False}], {"name": ["Fe", "Kα"], "good": [True, False]}),
        ({"x": np.array([1]), "image": np.zeros((2, 2))}, {"x": [1]}),
        ({"x": np.array([1]), "y": np.array([1, 2])}, {}),
        ({"x": 3}, {}),
        (np.zeros(4), {}),
        (5, {}),
    ],
)  # fmt: skip
def test_columns_of_one_length_are_a_table(value: Any, columns: dict[str, list[Any]]) -> None:
    assert {name: column.tolist() for name, column in columns_of(value).items()} == columns


@pytest.fixture(scope="module")
def table() -> TableVariable:
    """The first variable of a process starts a thread that stays."""
    return TableVariable()


def test_a_table_with_other_columns_is_opened_anew(table: TableVariable) -> None:
    for columns in ({"x": [1]}, {"x": [1, 2]}, {"x": [1.5], "name": ["a"]}):
        table.show(columns_of(columns))
        shown = table.variable.current()
        assert list(shown.labels) == list(columns)
        assert {name: list(shown.value[name]) for name in columns} == columns
    table.variable.close()


def test_the_labels_of_a_table_are_the_names_of_its_columns_whatever_signs_these_have(
    table: TableVariable,
) -> None:
    names = ["hit rate", "hit-rate", "2θ", "name\udcf8"]
    table.show(columns_of(dict(zip(names, ([1], [2], [0.5], ["\udcf8"]), strict=True))))
    shown = table.variable.current()
    assert list(shown.labels) == ["hit rate", "hit-rate", "2θ", "name\\udcf8"]
    assert {name: list(shown.value[name]) for name in shown.value} == {
        "hit_rate": [1],
        "hit_rate_2": [2],
        "_2_": [0.5],
        "name_": ["\\udcf8"],
    }
    table.variable.close()


def test_what_is_asked_for_is_read_from_words() -> None:
    assert wanted_tables(["hits=found/hits"]) == [WantedTable("hits", "found/hits")]
    with pytest.raises(ValueError, match="'hits' is not of the form NAME=PATH"):
        wanted_tables(["hits"])
