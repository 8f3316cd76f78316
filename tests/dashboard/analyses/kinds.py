"""The showcase, and beside its results one of every kind of array that a plot may meet: odd, empty, huge, nested."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.append(str(Path(__file__).parents[3] / "examples" / "showcase"))

showcase: Any = importlib.import_module("showcase")

ROWS, COLUMNS = 1500, 3000
"""Of an image that is larger than what a page shows at once."""


def large() -> npt.NDArray[np.uint16]:
    """Every pixel tells where it is, up to 16 bits."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    return np.asarray((rows * 31 + columns * 7) % 65_521, np.uint16)


def stack() -> npt.NDArray[np.float64]:
    """Four planes, each with its number in it."""
    return np.arange(4)[:, None, None] * 100.0 + np.arange(30)[:, None] + np.arange(40) / 100


def kinds() -> dict[str, Any]:
    """What there is, by name."""
    x = np.linspace(-3, 3, 200)
    wave = np.exp(-(x**2)) * 1000 + 1
    holes = wave.copy()
    holes[20:40], holes[60], holes[61] = np.nan, np.inf, -np.inf
    times = np.datetime64("2026-11-22T03:00:00") + np.arange(5).astype("timedelta64[m]")
    angle = np.random.default_rng(1).permutation(np.linspace(0, 6, 60))
    rows, columns = np.mgrid[:40, :60]
    photo = np.stack([rows * 6, columns * 4, np.full_like(rows, 128)], -1).astype(np.uint8)
    steep = np.tile(np.array([1e-300, 1.0, 1e300, -1e300]), (4, 1))
    nxdata = {"NX_class": "NXdata"}
    return {
        "holes": holes,
        "all_nan": np.full((20, 30), np.nan),
        "empty": np.zeros((0, 5)),
        "none": None,
        "one": np.array([42.0]),
        "number": np.float64(0.30000000000000004),
        "big_integer": 2**63 - 25,
        "not_a_number": float("nan"),
        "truth": True,
        "text": "Sample C-17, second half. " * 12,
        "complex": np.exp(2j * x) * np.abs(x),
        "complex_number": 3 - 4j,
        "words": ["alpha", "beta, gamma", "delta"],
        "records": np.array(
            [(1, 0.5, b"Fe"), (2, np.nan, b"Cu")], [("n", "i4"), ("x", "f8"), ("element", "S2")]
        ),
        "times": times,
        "mask": (rows + columns) % 7 == 0,
        "steep": steep,
        "large": large(),
        "large_attrs": {"units": "counts", "long_name": "a large image"},
        "photo": photo,
        "photo_attrs": {"interpretation": "rgb-image"},
        "stack": {
            "_attrs": {**nxdata, "signal": "i", "axes": ["energy", "y", "x"]},
            "i": stack(),
            "i_attrs": {"units": "counts"},
            "energy": np.array([7.1, 7.2, 7.3, 7.4]),
            "energy_attrs": {"units": "keV", "long_name": "photon energy"},
            "y": np.linspace(5, -5, 30),
            "y_attrs": {"units": "mm"},
            "x": np.linspace(0, 0.2, 41),
            "x_attrs": {"units": "mm"},
        },
        "projections": {
            "_attrs": {
                **nxdata,
                "signal": "i",
                "axes": ["event", "row", "across"],
                "y_down": True,
                "newest_first": True,
            },
            "i": stack(),
            "event": np.array([9, 7, 4, 2]),
            "row": np.arange(30) * 2.0,
            "row_attrs": {"units": "pixel"},
            "across": np.arange(40) - 20.0,
            "across_attrs": {"units": "pixel"},
        },
        "steps": {
            "_attrs": {**nxdata, "signal": "n", "axes": ["edges"], "title": "A histogram"},
            "n": np.array([1, 5, 3, 0, 7]),
            "edges": np.array([0.0, 1.0, 2.0, 4.0, 8.0, 16.0]),
            "edges_attrs": {"units": "µm"},
        },
        "measured": {
            "_attrs": {**nxdata, "signal": "y", "auxiliary_signals": ["z"], "axes": ["x"], "default": "y"},
            "x": x,
            "x_attrs": {"units": "mm", "long_name": "position"},
            "y": wave,
            "y_attrs": {"units": "counts", "long_name": "detector A"},
            "y_errors": np.sqrt(wave) * 3,
            "z": wave[::-1] * 0.5,
        },
        "turned": {
            "_attrs": {**nxdata, "signal": "r", "axes": ["angle"]},
            "angle": angle,
            "r": np.sin(angle),
        },
        "watched": {
            "_attrs": {**nxdata, "signal": "pressure", "axes": ["when"]},
            "when": times,
            "pressure": np.array([1e-8, 2e-8, 4e-9, 8e-9, 1e-7]),
            "pressure_attrs": {"units": "mbar"},
        },
        "stored": {
            "_attrs": {**nxdata, "signal": "v", "SILX_style": '{"signal_scale_type": "log"}'},
            "v": np.array([10, 100, 1000], np.int16),
            "scaling_factor": 0.5,
            "offset": 3.0,
        },
        "places": {
            "_attrs": {**nxdata, "signal": "v", "axes": ["x", "y"]},
            "x": np.cos(angle) * angle,
            "y": np.sin(angle) * angle,
            "v": np.arange(60.0),
            "v_attrs": {"units": "counts"},
        },
        "beside": {
            "_attrs": {"overview": ["marked", "several", "wave", "gone", "number"]},
            "marked": {
                "_attrs": {
                    **nxdata,
                    "signal": "i",
                    "title": "A marked image",
                    "overlay_points": ["px", "py"],
                    "overlay_circles": ["centre", "/kinds/beside/radii", "/kinds/beside/names"],
                },
                "i": np.zeros((40, 60)),
                "px": np.array([10.0, 30.0, np.nan]),
                "px_attrs": {"long_name": "spots"},
                "py": np.array([20.0, 5.0, np.nan]),
                "centre": np.array([19.5, 29.5]),
            },
            "radii": np.array([10.0, 15.0]),
            "names": np.array([4.0, 2.5]),
            "names_attrs": {"units": "Å"},
            "several": {
                "_attrs": {
                    **nxdata,
                    "signal": "i",
                    "axes": ["number", ".", "."],
                    "title": "Several",
                    "overlay_points": ["px", "py"],
                },
                "i": stack(),
                "number": np.array([7, 8, 9, 12]),
                "px": np.array([[5.0, 6.0], [7.0, np.nan], [np.nan, np.nan], [1.0, 2.0]]),
                "py": np.array([[5.0, 6.0], [7.0, np.nan], [np.nan, np.nan], [1.0, 2.0]]),
            },
            "wave": wave,
            "number": np.float64(0.25),
        },
        "chain": {
            "_attrs": {"default": "inner"},
            "inner": {"_attrs": {"default": "leaf"}, "leaf": np.arange(5.0)},
        },
    }


class Worker(showcase.Worker):  # type: ignore[misc]
    """That of the showcase."""


class Reducer(showcase.Reducer):  # type: ignore[misc]
    """That of the showcase, with one of every kind beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.publish["kinds"] = kinds()
        self.publish["never"] = {
            "_attrs": {"NX_class": "NXdata", "signal": "found"},
            "found": np.full(10, np.nan),
        }
