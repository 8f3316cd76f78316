"""Fits are those of PyMca, and find what was there."""

from __future__ import annotations

import importlib
import io
from typing import Any

import numpy as np
import pytest

from apps.fluorescence.material import SIMULATION, needs_pymca
from beamloom import UserError

pytestmark = needs_pymca

BASE = SIMULATION.configuration
SNIP = BASE.replace("stripflag = 0", "stripflag = 1").replace("continuum = 4", "continuum = 0")
CONFIGURATIONS = {
    "as simulated": BASE,
    "snip": SNIP,
    "no smoothing": SNIP.replace("stripfilterwidth = 5", "stripfilterwidth = 1"),
    "anchors": SNIP.replace(
        "stripanchorsflag = 0", "stripanchorsflag = 1\nstripanchorslist = 450, 700, 0, 0"
    ),
    "escape peaks and scatter": BASE.replace("escapeflag = 0", "escapeflag = 1").replace(
        "scatterflag = 0\n",
        "scatterflag = 1\nenergyflag = 1\nenergyweight = 1.0\nenergyscatter = 1\ndeltaonepeak = 0.01\n",
    ),
}


def fast_fit(configuration: str, spectra: Any) -> Any:
    """The areas by PyMca's own fast linear fit, (groups, spectra)."""
    theory = importlib.import_module("PyMca5.PyMcaPhysics.xrf.ClassMcaTheory").McaTheory()
    given = importlib.import_module("PyMca5.PyMcaIO.ConfigDict").ConfigDict()
    given.readfp(io.StringIO(configuration))
    whole = theory.getConfiguration()
    for section, entries in given.items():
        whole.setdefault(section, {}).update(entries)
    fit = importlib.import_module("PyMca5.PyMcaPhysics.xrf.FastXRFLinearFit").FastXRFLinearFit()
    fit.setFitConfiguration(whole)
    channels = np.arange(spectra.shape[1])
    return np.asarray(fit.fitMultipleSpectra(x=channels, y=spectra, weight=0, refit=False)["parameters"])


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_amounts_are_those_of_pymca(name: str) -> None:
    from beamloom.apps.fluorescence import LinearFit, model_of

    configuration = CONFIGURATIONS[name]
    points = range(0, SIMULATION.points, 9)
    spectra = np.array([SIMULATION.spectrum(point).sum(axis=0) for point in points], np.float64)
    model = model_of(configuration, SIMULATION.channels)
    fit = LinearFit(model, negative=True)
    mine = np.array([fit.amounts(spectrum) for spectrum in spectra]).T
    theirs = fast_fit(configuration, spectra)[model.backgrounds :]
    scale = abs(theirs).max(axis=1, keepdims=True)
    np.testing.assert_allclose(mine / scale, theirs / scale, atol=1e-9)


def test_no_element_is_less_than_nothing_unless_it_may_be() -> None:
    from beamloom.apps.fluorescence import LinearFit, model_of

    model = model_of(BASE, SIMULATION.channels)
    spectra = [SIMULATION.spectrum(point).sum(axis=0) for point in range(SIMULATION.points)]
    free, bound = LinearFit(model, negative=True), LinearFit(model)
    below = 0
    for spectrum in spectra:
        any_sign, amounts = free.amounts(spectrum), bound.amounts(spectrum)
        assert (amounts >= 0).all()
        below += int((any_sign < 0).any())
        if (any_sign >= 0).all():
            assert np.array_equal(any_sign, amounts)
    assert below > 5


def test_the_curves_of_a_fit_follow_the_counts() -> None:
    from beamloom.apps.fluorescence import LinearFit, model_of

    model = model_of(BASE, SIMULATION.channels)
    total = np.sum([SIMULATION.spectrum(point).sum(axis=0) for point in range(SIMULATION.points)], axis=0)
    curves = LinearFit(model).curves(total)
    assert np.abs(curves["fit"] - curves["counts"]).sum() < 0.06 * curves["counts"].sum()
    assert (curves["background"] <= curves["fit"] + 1e-9).all()
    brightest = model.energy[np.argmax(curves["counts"])]
    assert min(abs(brightest - line) for line in (3.69, 6.40, 8.04)) < 0.03


@pytest.mark.parametrize(
    ("configuration", "says"),
    [
        ("hello", "PyMca does not read this configuration"),
        ("[fit]\nxmin = 1\n", "names no elements"),
        (SNIP.replace("stripalgorithm = 1", "stripalgorithm = 0"), "choose SNIP"),
        (BASE.replace("[fit]\n", "[fit]\nstrategyflag = 1\n"), "a strategy"),
    ],
)
def test_a_configuration_that_does_not_do_is_refused_with_a_sentence(configuration: str, says: str) -> None:
    from beamloom.apps.fluorescence import model_of

    with pytest.raises(UserError, match=says):
        model_of(configuration, 4096)


@pytest.mark.parametrize("name", ["as simulated", "snip"])
@pytest.mark.parametrize("count", [np.nan, np.inf])
def test_a_spectrum_with_a_count_that_is_not_known_has_no_amounts(name: str, count: float) -> None:
    from beamloom.apps.fluorescence import LinearFit, model_of

    model = model_of(CONFIGURATIONS[name], SIMULATION.channels)
    spectrum = SIMULATION.spectrum(3).sum(axis=0).astype(float)
    spectrum[model.first + 5] = count
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(LinearFit(model).amounts(spectrum)).all()
