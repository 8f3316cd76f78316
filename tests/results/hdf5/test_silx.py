"""What silx opens, and what its viewer plots by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from results.hdf5.trees import TREE, served

# Through importorskip, since silx is typed in parts only.
nxdata = pytest.importorskip("silx.io.nxdata")
utils = pytest.importorskip("silx.io.utils")

CURVE = {
    "curve": {
        "x": np.arange(5.0),
        "x_attrs": {"units": "mm"},
        "y": np.arange(5.0) ** 2,
        "_attrs": {"NX_class": "NXdata", "signal": "y", "axes": ["x"]},
    }
}


@pytest.fixture
def file() -> Iterator[Any]:
    with served(TREE | CURVE) as (url, _), utils.open(f"{url}/") as file:
        yield file


def test_silx_opens_the_address_of_the_reducer(file: Any) -> None:
    assert utils.is_file(file)
    assert {"image", "map", "curve"} <= set(file)
    assert utils.is_group(file["map"])
    assert utils.is_dataset(file["image"])
    assert np.array_equal(file["image"][3:5, ::2], TREE["image"][3:5, ::2])
    assert utils.h5py_read_dataset(file["text"]) == "é"


def test_a_map_is_points_that_are_scattered_over_two_axes(file: Any) -> None:
    plot = nxdata.get_default(file)
    assert plot is not None
    assert plot.group.name == "/map"
    assert plot.is_scatter
    assert plot.signal[()].tolist() == list(TREE["map"].values())
    assert [axis[()].tolist()[:5] for axis in plot.axes] == [[0, 0, 0, 0, 1], [0, 1, 2, 3, 0]]


def test_an_nxdata_of_the_reducer_is_a_curve_with_its_units(file: Any) -> None:
    plot = nxdata.NXdata(file["curve"])
    assert plot.is_valid, plot.issues
    assert plot.is_curve
    assert plot.axes_names == ["x (mm)"]
    assert plot.signal[1:3].tolist() == [1, 4]
