"""A publish tree stands in a NeXus file, with how it came about; what the analysis wrote stays as it is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from beamloom.results.files.nexus import nexus_file, nx_class
from beamloom.results.record import EpochRecord, RunRecord, package_versions
from beamloom.results.tree import Dataset, Group, tree_of
from beamloom.version import VERSION
from results.files.saving import record

CURVE: dict[str, Any] = {
    "_attrs": {"NX_class": "NXdata", "signal": "y", "axes": ["x"]},
    "x": [1, 2],
    "y": [3, 4],
}


def saved(publish: dict[str, Any], about: RunRecord | None = None) -> Group:
    return nexus_file(tree_of(publish), about or record(), 7, 1_700_000_100.0)


def group(root: Group, path: str) -> Group:
    node = root.at(path)
    assert isinstance(node, Group), path
    return node


def value(root: Group, path: str) -> Any:
    node = root.at(path)
    assert isinstance(node, Dataset), path
    assert node.values is not None, path
    content = node.values[()]
    return content.item() if hasattr(content, "item") else content


def attribute(node: Group, name: str) -> Any:
    held = node.attributes[name]
    assert held is not None
    return np.asarray(held[...]).tolist()


def test_the_tree_stands_in_an_entry_whose_default_leads_to_the_first_plot() -> None:
    root = saved({"count": 1, "deep": {"curve": CURVE}})
    assert nx_class(root) == "NXroot"
    assert attribute(root, "default") == "entry"
    assert nx_class(group(root, "entry")) == "NXentry"
    assert attribute(group(root, "entry"), "default") == "deep"
    assert attribute(group(root, "entry/deep"), "default") == "curve"
    assert nx_class(group(root, "entry/deep")) == "NXcollection"
    assert attribute(group(root, "entry/deep/curve"), "axes") == ["x"]
    assert value(root, "entry/count") == 1


def test_the_entry_tells_which_run_it_was_and_when() -> None:
    root = saved({}, record(ended=1_700_000_090.5))
    assert value(root, "entry/entry_identifier") == "run-1"
    assert value(root, "entry/start_time") == "2023-11-14T22:13:20.000+00:00"
    assert value(root, "entry/end_time") == "2023-11-14T22:14:50.500+00:00"
    assert value(root, "entry/beamloom/complete") is True
    assert group(saved({}), "entry").at("end_time") is None


def test_the_process_tells_how_the_results_came_about() -> None:
    about = record(
        trigger_map='{"parts": {}}',
        coverage={"reduced": "0-99"},
        code={"commit_hash": "abc"},
        packages={"numpy": "2"},
        epochs=(
            EpochRecord(epoch=3, first_event=0, parameters={"gain": 2}),
            EpochRecord(epoch=4, first_event=None, parameters={"gain": 5, "ROI": [1, 2]}),
        ),
    )
    root = saved({}, about)
    process = "entry/beamloom"
    assert nx_class(group(root, process)) == "NXprocess"
    assert value(root, f"{process}/program") == "beamloom"
    assert value(root, f"{process}/version") == VERSION
    assert value(root, f"{process}/result_version") == 7
    assert value(root, f"{process}/date") == "2023-11-14T22:15:00.000+00:00"
    notes = {
        "trigger_map": {"parts": {}},
        "coverage": {"reduced": "0-99"},
        "code_version": {"commit_hash": "abc"},
        "packages": {"numpy": "2"},
        "parameters_3": {"gain": 2},
        "parameters_4": {"gain": 5, "ROI": [1, 2]},
    }
    for name, content in notes.items():
        assert nx_class(group(root, f"{process}/{name}")) == "NXnote"
        assert json.loads(value(root, f"{process}/{name}/data")) == content
    assert value(root, f"{process}/parameters_3/first_event") == 0


def test_a_run_of_this_process_tells_which_packages_are_installed_here() -> None:
    written = value(saved({}, record(packages=None)), "entry/beamloom/packages/data")
    assert json.loads(written) == package_versions()


def test_what_the_analysis_wrote_wins() -> None:
    own = {
        "_attrs": {"default": "second"},
        "start_time": "today",
        "beamloom": 5,
        "first": CURVE,
        "second": CURVE,
    }
    root = saved(own)
    assert value(root, "entry/start_time") == "today"
    assert value(root, "entry/beamloom") == 5
    assert nx_class(group(root, "entry/beamloom_1")) == "NXprocess"
    assert attribute(group(root, "entry"), "default") == "second"


def test_an_entry_of_the_analysis_is_the_entry_of_the_file() -> None:
    entry = {"_attrs": {"NX_class": "NXentry"}, "definition": "NXxas", "data": CURVE}
    root = saved({"scan": entry, "notes": {"a": 1}})
    assert set(root.children) == {"scan", "notes"}
    assert attribute(root, "default") == "scan"
    assert value(root, "scan/definition") == "NXxas"
    assert value(root, "scan/entry_identifier") == "run-1"
    assert nx_class(group(root, "scan/beamloom")) == "NXprocess"
    assert attribute(group(root, "scan"), "default") == "data"
