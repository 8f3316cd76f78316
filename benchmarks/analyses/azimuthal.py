"""Azimuthal integration of simulated EIGER 4M frames: unpacking, the product, and all that a worker does; beside the calls of pyFAI.

``--shape ROWS COLUMNS`` sets the size of a frame. Patterns have 1000 bins, cakes 360 by 500.
"""

from __future__ import annotations

import argparse
from typing import Any

import _measure as measure  # before numpy
import numpy as np

from beamloom import Event, Packet, ParameterSet
from beamloom.apps.azimuthal import Geometry, Integrator, SigmaClip, Simulation, Worker
from beamloom.apps.azimuthal.geometry import integrator_of, options_of
from beamloom.devices import dectris_v2


def packet_of(frame: Any) -> Packet:
    """The frame as the detector sends it, by bitshuffle and LZ4."""
    messages = list(dectris_v2.generate(images=iter([frame]), dtype=frame.dtype.name))
    return Packet(dectris_v2.TYP, messages[1], 1)


def measure_patterns(simulation: Simulation, frame: Any, splitting: Any) -> None:
    """Patterns: the product alone, with the unpacking, and by a worker; then by pyFAI."""
    geometry = Geometry(simulation.poni, splitting=splitting)
    integrator, packet = Integrator(geometry, simulation.shape), packet_of(frame)
    name = f"{frame.dtype} {splitting:5}"
    measure.row(f"{name} product", measure.cpu_seconds(lambda: integrator.integrate(frame)))
    unpacked = measure.cpu_seconds(lambda: integrator.integrate(packet.parse().array))
    measure.row(f"{name} unpacked and product", unpacked)
    packed = measure.cpu_seconds(lambda: integrator.integrate_packed(packet.parse().packed[0]))
    measure.row(f"{name} product of the packed frame", packed)
    values = {"poni_file": simulation.poni.encode(), "pixel_splitting": splitting, "show_every": 1000}
    parameters = ParameterSet.from_values(values, Worker.describe_parameters())
    worker = Worker()
    event = Event(1, {"eiger": packet})
    measure.row(f"{name} worker", measure.cpu_seconds(lambda: worker.process_event(event, parameters)))
    theirs = integrator_of(geometry)
    for algorithm in ("csr", "csc"):
        options = {**options_of(geometry), "method": (splitting, algorithm, "cython")}
        call = measure.cpu_seconds(lambda options=options: theirs.integrate1d(frame, 1000, **options), 3)  # type: ignore[misc]
        measure.row(f"{name} pyFAI integrate1d, {algorithm}, frame unpacked before", call)


def main() -> None:
    """Print a line for each way."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--shape", type=int, nargs=2, default=(2167, 2070), metavar=("ROWS", "COLUMNS"))
    rows, columns = arguments.parse_args().shape
    simulation = Simulation(shape=(rows, columns), distance=0.15, height=10.0, background=3.0)
    frame = simulation.frame(3)
    for dtype in ("uint16", "uint32"):
        typed = frame.astype(dtype)
        packet = packet_of(typed)
        ratio = typed.nbytes / packet.nbytes
        print(f"{rows} x {columns} {dtype}, {frame.mean():.1f} counts a pixel, packed {ratio:.1f} : 1")
        measure.row(f"{dtype} unpacked", measure.cpu_seconds(lambda packet=packet: packet.parse().array))  # type: ignore[misc]
        for splitting in ("no", "bbox"):
            measure_patterns(simulation, typed, splitting)
    geometry = Geometry(simulation.poni, bins=500)
    cakes, clip = Integrator(geometry, simulation.shape, azimuths=360), SigmaClip(geometry, simulation.shape)
    theirs, options = integrator_of(geometry), options_of(geometry)
    measure.row("cake", measure.cpu_seconds(lambda: cakes.integrate(frame), 3))
    measure.row(
        "cake, pyFAI integrate2d",
        measure.cpu_seconds(lambda: theirs.integrate2d(frame, 500, 360, **options), 3),
    )
    measure.row("sigma clip", measure.cpu_seconds(lambda: clip.integrate(frame), 3))
    plain = {name: value for name, value in options.items() if name != "method"}
    measure.row(
        "sigma clip, pyFAI sigma_clip",
        measure.cpu_seconds(
            lambda: theirs.sigma_clip(frame, 500, error_model="azimuthal", thres=5.0, max_iter=5, **plain), 2
        ),
    )


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
