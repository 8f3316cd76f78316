"""What analyses a spectrum, made once for a set of parameters."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Final

from beamloom import ParameterSet
from beamloom.apps.contents import content_of
from beamloom.apps.fluorescence.parameters import ANALYSIS
from beamloom.apps.fluorescence.regions import parse_regions

if TYPE_CHECKING:
    from beamloom.apps.fluorescence.fit import LinearFit

_NAMES: Final = tuple(part.name for parameter in ANALYSIS for part in parameter.parts())


@dataclasses.dataclass(frozen=True, eq=False)
class Setup:
    """What analyses the spectra of a set of parameters."""

    name: str
    """The same for all parameters with which points may be in one map."""
    regions: dict[str, slice]
    fit: LinearFit | None


class Setups:
    """Makes setups."""

    def __init__(self) -> None:
        self._latest: tuple[str, int, Setup] | None = None

    def of(self, parameters: ParameterSet, channels: int) -> Setup:
        """The setup for spectra of so many ``channels``. Raises UserError where parameters and spectra do not go together."""
        if self._latest is None or self._latest[:2] != (parameters.hash, channels):
            self._latest = parameters.hash, channels, _made(parameters, channels)
        return self._latest[2]


def _made(parameters: ParameterSet, channels: int) -> Setup:
    configuration = content_of(parameters, "fit_configuration")
    digest = hashlib.sha256(f"{channels}:".encode() + (configuration or b""))
    for name in _NAMES:
        digest.update(parameters[name].digest)
    fit = None
    if configuration is not None:
        # Here, as regions need neither PyMca nor numba.
        from beamloom.apps.fluorescence.fit import LinearFit
        from beamloom.apps.fluorescence.model import model_of

        model = model_of(configuration.decode(errors="replace"), channels)
        fit = LinearFit(model, negative=bool(parameters["negative_amounts"]))
    return Setup(digest.hexdigest()[:16], parse_regions(str(parameters["regions"].value)), fit)
