"""Fluorescence spectra of 4,096 channels: regions, fits with both kinds of background, and all that a worker does; beside PyMca's calls."""

from __future__ import annotations

import io
import itertools

import _measure as measure  # before numpy
import numpy as np
from PyMca5.PyMcaIO.ConfigDict import ConfigDict
from PyMca5.PyMcaMath.fitting import SpecfitFuns
from PyMca5.PyMcaPhysics.xrf.ClassMcaTheory import McaTheory
from PyMca5.PyMcaPhysics.xrf.FastXRFLinearFit import FastXRFLinearFit

from beamloom import Event, Packet, ParameterSet
from beamloom.apps.fluorescence import LinearFit, Simulation, Worker, model_of
from beamloom.apps.fluorescence.background import snip
from beamloom.devices import contrast, xspress3

COUNT = 500


def fast_fit(configuration: str) -> FastXRFLinearFit:
    """PyMca's own fit of many spectra at a time."""
    whole, given = McaTheory().getConfiguration(), ConfigDict()
    given.readfp(io.StringIO(configuration))
    for section, entries in given.items():
        whole.setdefault(section, {}).update(entries)
    fit = FastXRFLinearFit()
    fit.setFitConfiguration(whole)
    return fit


def main() -> None:
    """Print a line for each way."""
    simulation = Simulation(columns=25, rows=20, corrections=(1.05,))
    spectra = np.array([simulation.spectrum(point)[0] for point in range(COUNT)], np.float64)
    channels = np.arange(simulation.channels)
    polynomial = simulation.configuration
    stripped = polynomial.replace("stripflag = 0", "stripflag = 1").replace("continuum = 4", "continuum = 0")
    for name, configuration in (("polynomial background", polynomial), ("SNIP background", stripped)):
        model = model_of(configuration, simulation.channels)
        fit = LinearFit(model)
        print(f"{name}: {', '.join(fit.elements)}; {model.shapes.shape[1]} channels fitted")
        mine = measure.cpu_seconds(lambda fit=fit: [fit.amounts(one) for one in spectra])  # type: ignore[misc]
        measure.row("  fit", mine, COUNT, "spectra")
        theirs = fast_fit(configuration)
        for count in (COUNT, 1):
            call = measure.cpu_seconds(
                lambda theirs=theirs, count=count: theirs.fitMultipleSpectra(  # type: ignore[misc]
                    x=channels, y=spectra[:count], weight=0, refit=True
                ),
                3,
            )
            measure.row(f"  PyMca FastXRFLinearFit, {count} at a time", call, count, "spectra")
        if model.strip:
            inside = [one[model.channels] for one in spectra]
            mine = measure.cpu_seconds(
                lambda model=model, inside=inside: [snip(one, model) for one in inside]
            )  # type: ignore[misc]
            measure.row("  SNIP", mine, COUNT, "spectra")
            call = measure.cpu_seconds(
                lambda inside=inside: [  # type: ignore[misc]
                    SpecfitFuns.snip1d(SpecfitFuns.SavitskyGolay(one, 5), 40, 0) for one in inside
                ]
            )
            measure.row("  PyMca SavitskyGolay and snip1d", call, COUNT, "spectra")

    print("a worker: packets of the Xspress3 and of contrast parsed, amounts and positions returned")
    images = list(xspress3.generate(spectra=(simulation.spectrum(point) for point in range(COUNT))))[1:-1]
    places = list(contrast.generate(positions=[simulation.position(point) for point in range(COUNT)]))[1:-1]
    sent = [
        (Packet(xspress3.TYP, image, n + 1), Packet("contrast", place))
        for n, (image, place) in enumerate(zip(images, places, strict=True))
    ]
    regions = "Ca 357-381, Fe 625-655, Cu 785-825"
    ways = {
        "regions": {"regions": regions},
        "fit, polynomial": {"fit_configuration_file": polynomial.encode()},
        "fit, SNIP": {"fit_configuration_file": stripped.encode()},
    }
    numbers = itertools.count(1)
    for name, values in ways.items():
        described = Worker.describe_parameters()
        whole = {"x": "contrast.pseudo.x", "y": "contrast.pseudo.y", **values}
        parameters, worker = ParameterSet.from_values(whole, described), Worker()

        def run(parameters: ParameterSet = parameters, worker: Worker = worker) -> None:
            for image, place in sent:
                streams = {"xspress3": image, "contrast": place}
                worker.process_event(Event(next(numbers), streams), parameters)

        measure.row(f"  {name}", measure.cpu_seconds(run), COUNT, "spectra")


if __name__ == "__main__":
    main()
