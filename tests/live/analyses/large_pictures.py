"""Reads every pixel of large pictures that are full of their index, and keeps some of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom import Event, Result

SIDE = 256
"""Rows and columns of 32 bit pixels: 256 KiB."""


class Worker:
    """What a picture is full of, whether its memory is the ingester's, and whether those that were kept are what they were."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, Any]] = []

    def process_event(self, event: Event) -> dict[str, Any] | None:
        frames = event.streams["camera"].frames
        if len(frames) < 2:
            return None
        picture = np.frombuffer(frames[1], np.uint32)
        index = int(picture[0])
        if not (picture == index).all():
            raise ValueError(f"picture {index} is torn")
        for number, old in self.kept:
            if not (old == number).all():
                raise ValueError(f"picture {number} was kept and is another one now")
        if index % 100 == 0:
            self.kept.append((index, picture))
        return {"index": index, "lent": type(getattr(frames[1], "obj", None)).__name__ == "Borrowed"}


class Reducer:
    """Each event's index, how often it came, and how many pictures were read in place."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"indices": {}, "again": 0, "lent": 0}

    def process_result(self, result: Result) -> None:
        indices = self.publish["indices"]
        self.publish["again"] += result.event_number in indices
        indices[result.event_number] = result.payload["index"]
        self.publish["lent"] += result.payload["lent"]
