"""What PyMca knows: the shape of each element's spectrum in this detector, with all its lines, escape peaks, tails and absorption.

PyMca is asked once for each configuration; spectra never come here. In its linear fit (V. A. Solé et al., Spectrochim. Acta B 62 (2007) 63)
a spectrum is a sum of such shapes over a background, and what it finds is how much there is of each: the area of all lines of a group.
"""

from __future__ import annotations

import dataclasses
import functools
import io
from typing import Any

import numpy as np

from beamloom import UserError

try:
    from PyMca5.PyMcaIO.ConfigDict import ConfigDict
    from PyMca5.PyMcaMath.fitting import Gefit
    from PyMca5.PyMcaPhysics.xrf.ClassMcaTheory import McaTheory
except (ImportError, OSError) as _missing:  # OSError: PyMca5 is here, and the tables of fisx are not
    raise UserError(
        f"fits of fluorescence spectra need PyMca5, which is not here ({_missing}); pip install 'beamloom[fluorescence]'"
    ) from None

Array = np.ndarray[Any, np.dtype[Any]]


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """The linear model of one configuration, over the channels that it fits."""

    names: tuple[str, ...]
    """Of the groups, as ``Fe_K``; those of a background polynomial come first."""
    backgrounds: int
    """How many of them are the background's, and may be negative."""
    shapes: Array
    """float64, (groups, channels): each element's is of area 1."""
    first: int
    """The first channel that is fitted."""
    energy: Array
    """Of these channels, keV."""
    strip: bool
    """Whether the SNIP background is taken off before."""
    strip_width: int
    """Of SNIP, channels."""
    smoothing: int
    """Width of the filter before SNIP, channels; 1: none."""
    anchors: tuple[int, ...]
    """Where SNIP begins anew, counted from ``first``."""

    @property
    def channels(self) -> slice:
        """What of a spectrum is fitted."""
        return slice(self.first, self.first + self.shapes.shape[1])


@functools.lru_cache(maxsize=4)
def model_of(configuration: str, bins: int) -> Model:
    """The model for spectra of so many ``bins``, by the content of a PyMca configuration (.cfg). Raises UserError."""
    theory = McaTheory()
    wanted = _configuration(configuration, theory)
    try:
        theory.setConfiguration(wanted)
        theory.enableOptimizedLinearFit()
        channels = np.arange(bins)
        theory.setData(x=channels, y=np.ones(bins), xmin=wanted["fit"]["xmin"], xmax=wanted["fit"]["xmax"])
        theory.estimate()
        free = [place for place, code in enumerate(theory.codes[0]) if code != Gefit.CFIXED]
        shapes = [
            np.ravel(theory.linearMcaTheoryDerivative(theory.parameters, place, theory.xdata))
            for place in free
        ]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UserError(
            f"PyMca makes no model of this configuration ({type(error).__name__}: {error}); save it anew by PyMca"
        ) from error
    if not free:
        raise UserError("the configuration has no peaks within xmin and xmax; choose elements in PyMca")
    fitted = np.ravel(theory.xdata)
    zero, gain = theory.parameters[:2]
    fit = wanted["fit"]
    return Model(
        names=tuple(theory.PARAMETERS[place].replace(" ", "_") for place in free),
        backgrounds=sum(place < theory.NGLOBAL for place in free),
        shapes=np.array(shapes, np.float64),
        first=int(fitted[0]),
        energy=zero + gain * fitted,
        strip=bool(fit["stripflag"]),
        strip_width=int(fit["snipwidth"]),
        smoothing=int(fit["stripfilterwidth"]),
        anchors=_anchors(fit, fitted),
    )


def _configuration(text: str, theory: McaTheory) -> dict[str, Any]:
    """The configuration over PyMca's defaults, as a linear fit without weights."""
    given = ConfigDict()
    try:
        given.readfp(io.StringIO(text))
    except Exception as error:  # noqa: BLE001 - what its parser raises is of many kinds
        raise UserError(
            f"PyMca does not read this configuration: {error}; give the .cfg that PyMca saves"
        ) from None
    if not given.get("peaks"):
        raise UserError("the configuration names no elements in [peaks]; give the .cfg that PyMca saves")
    configuration: dict[str, Any] = theory.getConfiguration()
    for section, entries in given.items():
        configuration.setdefault(section, {}).update(entries)
    fit = configuration["fit"]
    if fit.get("strategyflag"):
        raise UserError(
            "the configuration has a strategy, which linear fits cannot follow; switch it off in PyMca"
        )
    if fit["stripflag"] and fit.get("stripalgorithm") != 1:
        raise UserError("the configuration strips the background step by step; choose SNIP in PyMca")
    fit.update(linearfitflag=1, fitweight=0)
    configuration["concentrations"]["useautotime"] = 0
    return configuration


def _anchors(fit: dict[str, Any], fitted: Array) -> tuple[int, ...]:
    """As PyMca's fast linear fit has them: where the anchors are, else both ends."""
    places: list[int] = []
    if fit.get("stripanchorsflag") and fit.get("stripanchorslist"):
        inside = [one for one in np.ravel(fit["stripanchorslist"]) if fitted[0] < one <= fitted[-1]]
        places = sorted(int(np.flatnonzero(fitted >= one)[0]) for one in inside)
    return tuple(places or (0, len(fitted) - 1))
