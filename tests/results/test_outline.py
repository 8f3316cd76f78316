"""What there is in a tree is told without its elements."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import requests

from beamloom.results.http import make_app
from beamloom.results.outline import outline
from beamloom.results.snapshot import Snapshot
from beamloom.results.tree import tree_of
from beamloom.transport.http_server import HttpServer
from support.patience import PATIENCE


def told(publish: dict[str, Any]) -> Any:
    return msgspec.json.decode(msgspec.json.encode(outline(tree_of(publish))))["children"]


def test_a_plot_of_many_signals_is_told_with_the_names_of_all() -> None:
    names = [f"element {number}" for number in range(40)]
    plot = told({"maps": {"_attrs": {"auxiliary_signals": names}, "x": 1}})["maps"]
    assert plot["attributes"]["auxiliary_signals"] == names


def test_arrays_are_told_by_shape_and_type_and_single_values_by_value() -> None:
    children = told(
        {
            "image": np.zeros((2, 3), ">u2"),
            "count": 7,
            "ratio": np.nan,
            "name": "x" * 300,
            "names": ["a", "b"],
            "times": np.array(["2026-11-21"], "datetime64[s]"),
            "nothing": None,
            "records": np.zeros(4, [("x", "f8"), ("n", "i4")]),
        }
    )
    assert children["image"] == {"attributes": {}, "shape": [2, 3], "dtype": ">u2"}
    assert children["count"] == {"attributes": {}, "shape": [], "dtype": "int64", "value": 7}
    assert children["ratio"]["value"] is None
    assert children["name"]["value"] == "x" * 200 + "…"
    assert (children["names"]["shape"], children["names"]["dtype"]) == ([2], "text")
    assert children["times"]["dtype"] == "datetime64[s]"
    assert (children["nothing"]["shape"], children["nothing"]["dtype"]) == (None, None)
    assert children["records"]["dtype"] == "[('x', '<f8'), ('n', '<i4')]"


def test_groups_are_told_with_attributes_and_long_attributes_without_value() -> None:
    children = told(
        {
            "map": {(1.0, 2.0): 3},
            "group": {"inner": {"x": 1}, "inner_attrs": {"unit": "mm", "many": list(range(100))}},
        }
    )
    assert list(children["map"]["children"]) == ["key_0", "key_1", "value"]
    assert children["map"]["attributes"]["signal"] == "value"
    assert children["group"]["children"]["inner"]["attributes"] == {"unit": "mm", "many": None}


class Reader:
    """Serves one tree."""

    async def snapshot(self) -> Snapshot:
        return Snapshot(1, "run", {"a": {"b": np.arange(5)}})

    async def newer(self, version: int) -> Snapshot:
        raise NotImplementedError

    async def status(self) -> dict[str, Any]:
        return {}


def test_a_part_is_asked_for_by_its_path() -> None:
    with HttpServer(make_app(Reader())) as server:

        def ask(**params: str) -> requests.Response:
            return requests.get(f"{server.url}/api/v1/tree", params=params, timeout=PATIENCE)

        assert ask().json()["children"]["a"]["children"]["b"]["shape"] == [5]
        assert ask(path="a/b").json()["dtype"] == "int64"
        missing = ask(path="a/c")
        assert missing.status_code == 404
        assert "a/c" in missing.json()["detail"]
