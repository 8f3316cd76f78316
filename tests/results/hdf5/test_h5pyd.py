"""What h5pyd sees, in the oldest and the newest version that is in use at beamlines."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from results.hdf5 import reading
from results.hdf5.trees import TREE, served
from support.environments import python_with

pytestmark = [pytest.mark.timeout(240), pytest.mark.processes]


@pytest.fixture(scope="module", params=[pytest.param("0.18.0", marks=pytest.mark.installs), "installed"])
def python(request: pytest.FixtureRequest, repository: Path) -> str:
    if request.param == "installed":
        return sys.executable
    return str(python_with(repository, "h5pyd", request.param))


@pytest.fixture(scope="module")
def seen(python: str) -> dict[str, Any]:
    """What a script saw of the tree."""
    with served(TREE) as (url, _):
        ended = subprocess.run([python, reading.__file__, url], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_every_name_is_there(seen: dict[str, Any]) -> None:
    assert seen["names"] == sorted(name for name in TREE if not name.endswith("_attrs"))
    assert seen["there"] == [True, False]


@pytest.mark.parametrize(
    ("path", "kind", "shape", "value"),
    [
        ("image", "f", [30, 40], TREE["image"].tolist()),
        ("volume", "u", [2, 3, 4, 5], TREE["volume"].tolist()),
        ("big_endian", "i", [3, 4], TREE["big_endian"].tolist()),
        ("truths", "b", [3], [True, False, True]),
        ("texts", "O", [2], ["a", "bé"]),
        ("byte_strings", "S", [2], ["ab", "c"]),
        ("text", "O", [], "é"),
        ("integer", "i", [], 3),
        ("float", "f", [], 1.5),
        ("truth", "b", [], True),
        ("records", "V", [2], [[1, 2.5, "x"], [2, 3.5, "yz"]]),
        ("times", "i", [2], [1767312000000, 1767398400000]),
        ("ragged", "O", [2], [[1, 2], [3]]),
        ("none", "f", None, None),
        ("empty", "f", [0, 3], []),
        ("map/key_1", "f", [20], [0.0, 1.0, 2.0, 3.0] * 5),
        ("group/my name/x", "f", [5], [0.0, 1.0, 2.0, 3.0, 4.0]),
    ],
    ids=str,
)
def test_every_type_arrives_as_it_is(
    seen: dict[str, Any], path: str, kind: str, shape: Any, value: Any
) -> None:
    assert seen["datasets"][path] == [kind, shape, value]


def test_complex_numbers_arrive_as_numbers_or_as_pairs(seen: dict[str, Any]) -> None:
    kind, shape, value = seen["datasets"]["complexes"]
    assert kind in "cV"
    assert (shape, value) == ([2], [[1, 2], [3, -4]])


def test_what_cannot_be_shown_says_so(seen: dict[str, Any]) -> None:
    assert "This cannot be shown: it is a _thread.lock" in seen["datasets"]["lock"][2]


def test_attributes_of_all_types_arrive(seen: dict[str, Any]) -> None:
    assert seen["attributes"][""] == {"default": "map"}
    assert seen["attributes"]["group"] == {"NX_class": "NXdata"}
    assert seen["attributes"]["map"] == {"NX_class": "NXdata", "signal": "value", "axes": ["key_0", "key_1"]}
    assert seen["attributes"]["times"] == {"units": "ms since 1970-01-01T00:00:00"}
    image = seen["attributes"]["image"]
    assert np.isnan(image.pop("nan"))
    assert image == {
        "units": "counts", "n": 3, "flag": True, "list": [1, 2], "names": ["a", "bé"], "none": None, "complex": [1, 2],
        "day": "2026-01-02",
    }  # fmt: skip


@pytest.mark.parametrize("name", reading.SELECTIONS)
def test_a_selection_gives_what_numpy_gives(seen: dict[str, Any], name: str) -> None:
    assert seen["selections"][name] == reading.plain(reading.SELECTIONS[name](TREE["image"]))


def test_points_and_lists_in_more_dimensions_give_what_numpy_gives(seen: dict[str, Any]) -> None:
    assert seen["points"] == [42, 124]
    assert seen["volume"] == TREE["volume"][1, 0:3:2, :, [0, 4]].transpose(1, 2, 0).tolist()


def test_what_h5py_refuses_is_refused(seen: dict[str, Any]) -> None:
    assert seen["refused"] == list(reading.REFUSED)
