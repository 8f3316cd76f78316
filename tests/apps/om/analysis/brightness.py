"""A processing class as users of OM write them: how bright frames are, sums of them, and frames that are asked for."""

from __future__ import annotations

import os
from typing import Any

import numpy as np


class BrightnessProcessing:
    """Bright frames are hits. Every tenth message asks the node that sent it for its next frame."""

    def __init__(self, *, monitor_parameters: Any) -> None:
        def said(parameter: str, kind: type, default: Any = None, required: bool = False) -> Any:
            return monitor_parameters.get_parameter(
                group="brightness",
                parameter=parameter,
                parameter_type=kind,
                default=default,
                required=required,
            )

        self._threshold = said("threshold", float, required=True)
        self._ask_every = said("ask_every", int, default=10)
        self._file = said("file", str)
        self._breaks_at = said("breaks_at", int, default=-1)

    def initialize_processing_node(self, *, node_rank: int, node_pool_size: int) -> None:
        self._count = 0

    def initialize_collecting_node(self, *, node_rank: int, node_pool_size: int) -> None:
        self._frames = 0
        self._hits = 0
        self._total = 0
        self._waited = 0
        self._ends = 0
        self._counted = 0
        self._asked: dict[int, int] = {}
        self._answered: dict[int, int] = {}
        self._ids: list[str] = []
        self.publish: dict[str, Any] = {}

    def process_data(
        self, *, node_rank: int, node_pool_size: int, data: dict[str, Any]
    ) -> tuple[dict[str, Any], int]:
        frame = data["detector_data"]
        self._count += 1
        number = int(data["event_id"].split("//")[1])
        if number == self._breaks_at:
            raise ValueError(f"frame {number} is broken")
        brightness = int(np.sum(frame, dtype=np.int64))
        processed = {
            "brightness": brightness,
            "frame_is_hit": brightness > self._threshold,
            "event_id": data["event_id"],
            "beam_energy": data["beam_energy"],
            "timestamp": data["timestamp"],
        }
        if "requests" in data:
            processed["detector_data"] = frame
            processed["request"] = data["requests"]
        return processed, node_rank

    def wait_for_data(self, *, node_rank: int, node_pool_size: int) -> None:
        self._waited += 1
        self.publish["waited"] = self._waited

    def collect_data(
        self, *, node_rank: int, node_pool_size: int, processed_data: tuple[dict[str, Any], int]
    ) -> dict[int, dict[str, Any]] | None:
        message, rank = processed_data
        if "end_processing" in message:
            self._ends += 1
            self._counted += message["count"]
            return None
        self._frames += 1
        self._hits += bool(message["frame_is_hit"])
        self._total += message["brightness"]
        self._ids.append(message["event_id"])
        if "request" in message:
            assert int(message["detector_data"].sum()) == message["brightness"]
            self._answered[rank] = self._answered.get(rank, 0) + 1
        self.publish.update(
            frames=self._frames, hits=self._hits, total=self._total, answered=sum(self._answered.values())
        )
        if self._frames % self._ask_every == 0:
            target = 0 if self._frames % (2 * self._ask_every) == 0 else rank
            return {target: {"requests": f"frame-{self._frames}"}}
        return None

    def end_processing_on_processing_node(self, *, node_rank: int, node_pool_size: int) -> dict[str, Any]:
        count, self._count = self._count, 0
        return {"end_processing": True, "count": count}

    def end_processing_on_collecting_node(self, *, node_rank: int, node_pool_size: int) -> None:
        self.publish.update(ends=self._ends, counted=self._counted, nodes=node_pool_size)
        if self._file:
            with open(f"{self._file}.part", "w") as file:
                file.write("\n".join(sorted(self._ids)))
            os.replace(f"{self._file}.part", self._file)


class Incomplete:
    """Lacks most of the methods."""

    def __init__(self, *, monitor_parameters: Any) -> None: ...

    def proces_data(self, *, node_rank: int, node_pool_size: int, data: dict[str, Any]) -> None: ...
