"""Every dataset says which events are in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.ranges import RangeSet
from beamloom.results import Sum
from beamloom.results.covered import with_coverage
from beamloom.results.hdf5.catalog import content_digest
from beamloom.results.tree import Dataset, Group, tree_of


def attributes(tree: Group, path: str) -> dict[str, Any]:
    node = tree.at(path)
    assert node is not None
    return {
        name: None if value is None else np.asarray(value[()]).item()
        for name, value in node.attributes.items()
    }


def test_plain_datasets_have_the_coverage_of_the_run_and_result_types_their_own() -> None:
    dark = Sum()
    for event in (0, 1, 2, 5):
        dark.add(event, 1.0)
    publish = {
        "image": np.zeros(3),
        "image_attrs": {"units": "counts"},
        "dark": dark.snapshot(),
        "mine": 1,
        "mine_attrs": {"coverage": "none of your business"},
    }
    coverage = Coverage("r", 9, RangeSet([(0, 4), (5, 9)]))
    tree = with_coverage(tree_of(publish), coverage)
    assert attributes(tree, "image") == {"units": "counts", "coverage": "0-3,5-8", "coverage_complete": False}
    assert attributes(tree, "mine")["coverage"] == "none of your business"
    assert attributes(tree, "dark")["coverage"] == "0-2,5"
    of_dark = tree.at("dark")
    assert isinstance(of_dark, Group)
    for name, child in of_dark.children.items():
        if isinstance(child, Dataset):
            assert attributes(tree, f"dark/{name}")["coverage"] == "0-2,5"


def test_a_dataset_is_complete_when_all_events_of_the_run_are_reduced() -> None:
    image = Sum().add(1, 1.0).add(2, 1.0)  # events 0 and 3 are the start and the end of the series
    publish = {"a": 1, "image": image.snapshot()}
    whole = with_coverage(tree_of(publish), Coverage("r", 4, RangeSet([(0, 4)])))
    assert attributes(whole, "a") == {"coverage": "0-3", "coverage_complete": True}
    assert attributes(whole, "image/sum") == {"coverage": "1-2", "coverage_complete": True}
    part = with_coverage(tree_of(publish), Coverage("r", 4, RangeSet([(0, 3)])))
    assert attributes(part, "a") == {"coverage": "0-2", "coverage_complete": False}
    assert attributes(part, "image/sum") == {"coverage": "1-2", "coverage_complete": False}


def test_an_object_is_the_same_when_only_the_coverage_has_changed() -> None:
    tree = tree_of({"a": np.arange(5)})
    nodes = [with_coverage(tree, Coverage("r", 9, RangeSet([(0, n)]))).at("a") for n in (3, 4)]
    assert all(node is not None for node in nodes)
    assert len({content_digest(node, "r") for node in nodes if node is not None}) == 1
