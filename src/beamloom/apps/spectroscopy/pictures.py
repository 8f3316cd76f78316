"""What is published of the spectra: NXdata groups, by energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from beamloom.apps.spectroscopy.scan import Points, points_of

Array = np.ndarray[Any, np.dtype[Any]]


def curve(
    x: tuple[str, Array, str], y: tuple[str, Array, str], title: str, errors: Array | None = None
) -> dict[str, Any]:
    """Values over an axis: each its name, itself and its units."""
    name, axis = y[0], x[0]
    group: dict[str, Any] = {
        "_attrs": {"NX_class": "NXdata", "signal": name, "axes": [axis], "title": title},
        name: y[1],
        f"{name}_attrs": {"units": y[2], "long_name": title},
        axis: x[1],
        f"{axis}_attrs": {"units": x[2], "long_name": axis.replace("_", " ")},
    }
    if errors is not None:
        group[f"{name}_errors"] = errors
    return group


def published(kept: Mapping[str, Any], step: float, *, calibrated: bool) -> dict[str, Any]:
    """All results of what is kept of one layout: see ``worker.py``."""
    frames = kept["frames"].snapshot()
    columns = {
        name: np.asarray(frames[name], np.float64)
        for name in ("counts", "energy", "i0", "transmitted")
        if name in frames
    }
    axis = (
        "emission_energy" if calibrated else "column",
        kept["energies"].value,
        "eV" if calibrated else "pixel",
    )
    weights = kept["weights"].value
    whole = _whole(weights)
    shown: dict[str, Any] = {"frames": kept["frames"], "last_spectra": kept["last"]}
    counts = kept["sum"].value
    shown["spectrum"] = curve(
        axis, ("counts", counts * whole, "counts"), "sum of all spectra", np.sqrt(np.abs(counts)) * whole
    )
    if "with_beam" in kept:
        beam = columns["i0"][columns["i0"] > 0].sum()
        shown["normalised_spectrum"] = curve(
            axis,
            ("counts_by_i0", kept["with_beam"].value * whole / beam, "counts/i0"),
            "sum of all spectra by I0",
        )
    if "energy" in columns:
        points = points_of(
            columns["energy"], columns["counts"], columns.get("i0"), columns.get("transmitted"), step
        )
        shown |= _of_scan(points, kept.get("points", {}), axis, whole, normalised="i0" in columns)
        if "transmitted" not in columns:
            del shown["absorption"]
    return shown


def _of_scan(
    points: Points,
    spectra: Mapping[str, Any],
    axis: tuple[str, Array, str],
    whole: Array,
    *,
    normalised: bool,
) -> dict[str, Any]:
    energy = ("energy", points.energy, "eV")
    units = "counts/i0" if normalised else "counts"
    plane = np.array([spectra[str(key)].value for key in points.key.tolist()]).reshape(
        len(points.key), len(whole)
    )
    group = curve(
        axis, ("counts", plane * whole / points.beam[:, np.newaxis], units), "emission by energy of the beam"
    )
    group["_attrs"]["axes"] = ["energy", axis[0]]
    group |= {"energy": points.energy, "energy_attrs": {"units": "eV", "long_name": "energy of the beam"}}
    return {
        "plane": group,
        "fluorescence": curve(
            energy, ("fluorescence", points.fluorescence, units), "fluorescence", points.errors
        ),
        "absorption": curve(energy, ("absorption", points.absorption, ""), "ln(I0 / It)"),
    }


def _whole(weights: Array) -> Array:
    """What makes up for pixels that are masked, and for bins at the ends that only some rows reach: those of less than half are 0."""
    most = np.median(weights[weights > 0]) if (weights > 0).any() else 1.0
    return np.where(weights > most / 2, most / np.maximum(weights, 1e-9), 0.0)
