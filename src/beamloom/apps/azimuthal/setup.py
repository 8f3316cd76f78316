"""All that integrating a frame needs, made once for a set of parameters and kept from run to run: asking pyFAI takes seconds.

Files that were given by their path are read anew in each run, and what was made of them is kept where they say the same.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any, Final, Self

import numpy as np

from beamloom import ParameterSet, UserError
from beamloom.apps.azimuthal.clipping import SigmaClip
from beamloom.apps.azimuthal.geometry import Geometry
from beamloom.apps.azimuthal.integrator import Integrator
from beamloom.apps.azimuthal.parameters import INTEGRATION
from beamloom.apps.contents import content_of
from beamloom.apps.files import image_of

_KEY: Final = "beamloom.apps.azimuthal"
_NAMES: Final = tuple(part.name for parameter in INTEGRATION for part in parameter.parts())


@dataclasses.dataclass(frozen=True, eq=False)
class Setup:
    """What integrates the frames of a set of parameters."""

    name: str
    """The same for all parameters with which patterns may be averaged."""
    patterns: Integrator
    cakes: Integrator | None
    clipped: SigmaClip | None


class Setups:
    """Makes setups; one for each run."""

    def __init__(self, made: dict[str, Setup]) -> None:
        self._made = made
        self._latest: tuple[str, tuple[int, ...], Setup] | None = None

    @classmethod
    def of_run(cls, context: dict[Any, Any] | None) -> Self:
        """One that knows what former runs have made, if they left it in ``context``."""
        return cls({} if context is None else context.setdefault(_KEY, {}))

    def of(self, parameters: ParameterSet, shape: tuple[int, int]) -> Setup:
        """The setup for frames of this shape. Raises UserError where parameters and frames do not go together."""
        if self._latest is not None and self._latest[:2] == (parameters.hash, shape):
            return self._latest[2]
        poni = content_of(parameters, "poni")
        if poni is None:
            raise UserError(
                "there is no geometry; give the path of a .poni file as poni, or send its content"
            )
        mask = image_of(parameters, "mask", shape)
        name = _name_of(parameters, shape, poni, mask)
        setup = self._made.get(name)
        if setup is None:
            setup = _made(parameters, shape, name, poni.decode(errors="replace"), mask)
            # Matrices are large; that of the parameters before is let go.
            self._made.clear()
            self._made[name] = setup
        self._latest = parameters.hash, shape, setup
        return setup


def _name_of(parameters: ParameterSet, shape: tuple[int, int], poni: bytes, mask: Any) -> str:
    digest = hashlib.sha256(repr(shape).encode() + poni)
    digest.update(b"" if mask is None else np.ascontiguousarray(mask).tobytes())
    for name in _NAMES:
        digest.update(parameters[name].digest)
    return digest.hexdigest()[:16]


def _made(parameters: ParameterSet, shape: tuple[int, int], name: str, poni: str, mask: Any) -> Setup:
    geometry = Geometry(
        poni=poni,
        bins=int(parameters["bins"]),
        unit=str(parameters["unit"].value),
        splitting=parameters["pixel_splitting"].value,
        solid_angle=bool(parameters["correct_solid_angle"]),
        polarization=float(parameters["polarization_factor"]) if parameters["correct_polarization"] else None,
        mask=None if mask is None else mask != 0,
        radial_range=_range(parameters, "radial_range"),
        azimuth_range=_range(parameters, "azimuth_range"),
    )
    valid = _range(parameters, "valid_range")
    azimuths, sigmas = int(parameters["azimuthal_bins"]), float(parameters["sigma_clip"])
    rounds = int(parameters["sigma_clip_rounds"])
    return Setup(
        name,
        Integrator(geometry, shape, valid=valid),
        Integrator(geometry, shape, azimuths=azimuths, valid=valid) if azimuths else None,
        SigmaClip(geometry, shape, sigmas=sigmas, rounds=rounds, valid=valid) if sigmas else None,
    )


def _range(parameters: ParameterSet, name: str) -> tuple[float, float] | None:
    values = np.asarray(parameters[name].value).tolist()
    if not values:
        return None
    if len(values) != 2 or not values[0] < values[1]:
        raise UserError(f"{name} is {values}; give two numbers, the lower one first, or [] for all")
    return values[0], values[1]
