"""The maps that the tutorial on the dashboard ends with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from picture_runs import measured

from beamloom.demo.sample import Sample
from beamloom.devices import contrast, xspress3
from beamloom.triggermap import uniform


@contextmanager
def scenes() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The pipeline of the maps after its run."""
    sample = Sample()
    series = {
        "contrast": ("contrast", contrast.generate(positions=sample.positions(), motors=("y", "x"))),
        "xspress3": ("xspress3", xspress3.generate(spectra=sample.spectra())),
    }
    with measured(
        "maps", series, uniform(list(series), sample.points), tutorial="map-on-the-dashboard"
    ) as address:
        yield address, {"tutorial-maps": "results"}
