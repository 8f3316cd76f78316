"""The map: a spectrum becomes the counts in each region and the amount of each element, divided by i0; and the beam was somewhere.

Amounts and positions travel as rows of two tables, as those of a fly scan come in different events. The reducer puts them together.
"""

from __future__ import annotations

from typing import Any

from beamloom import Event, Parameter, ParameterSet, Sum, Table
from beamloom.apps.fluorescence.parameters import ALL
from beamloom.apps.fluorescence.regions import counts_in
from beamloom.apps.fluorescence.setup import Setups
from beamloom.apps.fluorescence.spectra import i0_of, positions_of, spectrum_of
from beamloom.apps.values import Packets


class Worker:
    """X-ray fluorescence of any spectrometer, with positions from any stream."""

    combine = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """Everything that can be set; see ``parameters.py``."""
        return ALL

    def __init__(self) -> None:
        self._setups = Setups()

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        """What ``event`` adds to the maps; None where it has neither a spectrum nor a position. Raises UserError."""
        packets, positions = Packets(event), Table()
        for number, (x, y) in positions_of(packets, parameters).items():
            positions.add(number, {"x": x, "y": y})
        spectrum = spectrum_of(packets, parameters)
        if spectrum is None:
            return {"positions": positions} if positions.coverage else None

        setup = self._setups.of(parameters, len(spectrum.counted))
        i0 = i0_of(packets, parameters)
        scale = float(parameters["i0_reference"]) / i0
        amounts = counts_in(spectrum.corrected, setup.regions)
        if setup.fit is not None:
            amounts |= dict(
                zip(setup.fit.elements, setup.fit.amounts(spectrum.corrected).tolist(), strict=True)
            )
        row = {name: scale * amount for name, amount in amounts.items()}
        number = event.event_number
        points = Table().add(number, {**row, "i0": i0, "dead_time_correction": spectrum.correction})
        total = Sum(units="counts", label="sum of all spectra").add(number, spectrum.counted)
        results: dict[str, Any] = {"setups": {setup.name: {"points": points, "spectrum": total}}}
        return results | ({"positions": positions} if positions.coverage else {})
