"""An analysis that says something with each second picture, and publishes what it has said."""

from __future__ import annotations

from typing import Any

from beamloom import Event, GiveFeedback, IntParameter, PacketKind, ParameterSet, Result


class Worker:
    """The index of a picture; each seventh says so itself."""

    feedback: GiveFeedback

    def process_event(self, event: Event) -> int | None:
        packet = event.streams["camera"]
        if packet.kind is not PacketKind.DATA:
            return None
        index = int(packet.parse().data[0, 0])
        if index % 7 == 0:
            self.feedback("seventh", index)
        return index


class Reducer:
    """Says where to go next with each second picture, and has the run stopped by the picture ``enough``."""

    feedback: GiveFeedback

    @staticmethod
    def describe_parameters() -> list[IntParameter]:
        return [IntParameter(name="enough", default=-1)]

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"said": [], "finished": 0}

    def _say(self, kind: str, payload: Any) -> None:
        self.publish["said"].append([kind, payload])
        self.feedback(kind, payload)

    def process_result(self, result: Result, parameters: ParameterSet) -> None:
        if result.payload % 7 == 0:
            self.publish["said"].append(["seventh", result.payload])
        if result.payload % 2 == 0:
            self._say("next_position", len(self.publish["said"]))
        if result.payload == parameters["enough"]:
            self._say("stop", "that is enough")

    def finish(self) -> None:
        self.publish["finished"] += 1
        self._say("quality_reached", "all of it")
