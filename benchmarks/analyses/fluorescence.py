"""Fluorescence spectra of 4,096 channels: regions, fits with both kinds of background, and all that a worker does; beside PyMca's calls."""

from __future__ import annotations

import collections
import io
import itertools
import pickle
from collections.abc import Callable, Iterator
from typing import Any

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
from beamloom.services.worker.combining import MOST_EVENTS, Combiner

COUNT = 500
LINE = 25


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

    print(
        "a worker: packets of the Xspress3 and of contrast parsed, amounts and positions returned; and merged, 64 events in one"
    )
    measure_workers(simulation, polynomial, stripped)


def measure_workers(simulation: Simulation, polynomial: str, stripped: str) -> None:
    """All that a worker does for an event, in step scans and in fly scans with a packet of positions at the end of each line."""
    images = list(xspress3.generate(spectra=(simulation.spectrum(point) for point in range(COUNT))))[1:-1]
    places = [simulation.position(point) for point in range(COUNT)]
    steps = [message[0] for message in list(contrast.generate(positions=places))[1:-1]]
    lines = [
        pickle.dumps(
            {
                "status": "running",
                "pseudo": dict(zip("xy", np.array(places[end - LINE : end]).T, strict=True)),
            }
        )
        for end in range(LINE, COUNT + 1, LINE)
    ]
    spectra = [{"xspress3": Packet(xspress3.TYP, image, n + 1)} for n, image in enumerate(images)]
    scans = {
        "step": [
            {**image, "contrast": Packet("contrast", [step])}
            for image, step in zip(spectra, steps, strict=True)
        ],
        "fly": [
            {**image, "contrast": Packet("contrast", [lines[n // LINE]])} if n % LINE == LINE - 1 else image
            for n, image in enumerate(spectra)
        ],
    }
    corrected = {"dead_time": "xspress3.meta.dtc", "i0": "xspress3.meta.AllGood.0"}
    regions = {"regions": "Ca 357-381, Fe 625-655, Cu 785-825"}
    ways: dict[str, dict[str, Any]] = {
        "regions": regions,
        "regions, dead time and i0": {**regions, **corrected},
        "fit, polynomial": {"fit_configuration_file": polynomial.encode()},
        "fit, SNIP": {"fit_configuration_file": stripped.encode()},
    }
    for (scan, events), (name, values) in itertools.product(scans.items(), ways.items()):
        whole = {"x": "contrast.pseudo.x", "y": "contrast.pseudo.y", **values}
        parameters, worker = ParameterSet.from_values(whole, Worker.describe_parameters()), Worker()
        numbers = itertools.count(LINE)

        def results(
            events: Any = events,
            worker: Worker = worker,
            parameters: Any = parameters,
            numbers: Any = numbers,
        ) -> Iterator[tuple[int, Any]]:
            for streams in events:
                number = next(numbers)
                yield number, worker.process_event(Event(number, streams), parameters)

        def merged(results: Callable[[], Iterator[tuple[int, Any]]] = results) -> None:
            for n, (number, payload) in enumerate(results()):
                if n % MOST_EVENTS == 0:
                    combiner = Combiner()
                combiner.add(0, number, 0, payload, 0.0)

        alone = measure.cpu_seconds(lambda results=results: collections.deque(results(), 0))  # type: ignore[misc]
        measure.row(f"  {scan} scan, {name}", alone, COUNT, "spectra")
        measure.row(f"  {scan} scan, {name}, merged", measure.cpu_seconds(merged), COUNT, "spectra")


if __name__ == "__main__":
    main()
