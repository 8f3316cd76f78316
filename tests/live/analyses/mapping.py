"""A map over the pictures of a camera: all kinds of things that a notebook meets among results."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom import Event, IntParameter, PacketKind, Parameter, ParameterSet, Result

WIDTH = 10


class Worker:
    """Returns the index of the picture, times ``gain``; None where the series starts or ends."""

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        return [
            IntParameter(
                name="gain", default=1, min=1, max=9, description="what each index is multiplied by"
            ),
            IntParameter(name="fails_at", default=-1),
        ]

    def process_event(self, event: Event, parameters: ParameterSet) -> tuple[int, int] | None:
        packet = event.streams["camera"]
        if packet.kind is not PacketKind.DATA:
            return None
        index = int(packet.parse().data[0, 0])
        if index == parameters["fails_at"]:
            raise ZeroDivisionError(f"no light at {index}")
        return index, index * int(parameters["gain"])


class Reducer:
    """Publishes an image, a curve by position, and what belongs to them."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {
            "map": np.full((WIDTH, WIDTH), np.nan),
            "map_attrs": {"NX_class": "NXdata", "unit": "counts"},
            "curve": {},
            "seen": 0,
            "sample": {"name": "<gold & 'salt'>", "lines": ["Ka", "Kb"], "odd/name": [1.5, 2.5]},
            "finished": False,
        }

    def process_result(self, result: Result) -> None:
        if result.payload is None:
            return
        index, value = result.payload
        self.publish["map"][divmod(index % WIDTH**2, WIDTH)] = value
        self.publish["curve"][(float(index), 0.5)] = value
        self.publish["seen"] += 1

    def finish(self) -> None:
        self.publish["finished"] = True
