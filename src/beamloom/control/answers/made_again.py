"""Results that are made again of recordings, as those tell who make them.

The controller has no part in it: another process reads the recording, and hands its result to the reducer. What is finished stands in the
list of runs behind the run that it was made of; what is under way stands by itself, as nothing of it can be read yet. Of one that
has said nothing for a while nobody knows whether it is still there, and it is not shown.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import msgspec

from beamloom.control.answers.forms import MadeAgain, RunDetail, RunLine

MOST = 100
"""Results that are remembered."""
SILENT_SECONDS = 30.0


class MadeAgainRuns:
    """Those of the last time; to be used in one thread."""

    def __init__(self) -> None:
        self._told: OrderedDict[str, tuple[MadeAgain, float]] = OrderedDict()

    def note(self, told: MadeAgain, now: float) -> None:
        """Somebody tells how far a result is; one that is given up is forgotten."""
        self._told.pop(told.run, None)
        if told.state != "given up":
            self._told[told.run] = told, now
        while len(self._told) > MOST:
            self._told.popitem(last=False)

    def running(self, now: float) -> list[dict[str, Any]]:
        """Those that are not finished."""
        return [
            msgspec.to_builtins(one)
            for one, at in self._told.values()
            if one.state == "running" and now - at < SILENT_SECONDS
        ]

    def detail(self, run: str) -> dict[str, Any] | None:
        """All that is known of one that is finished; None where there is none of this id."""
        found = self._told.get(run)
        line = None if found is None else found[0].detail
        return None if line is None else msgspec.to_builtins(line)

    def beside(self, runs: list[dict[str, Any]], reducer: str | None) -> list[dict[str, Any]]:
        """The list of runs, with the results that were made again behind those that they were made of, the newest first.

        ``reducer`` is the address that they are read at.
        """
        of_run: dict[str, list[dict[str, Any]]] = {}
        for one, _ in reversed(self._told.values()):
            if one.detail is not None:
                of_run.setdefault(one.again_of, []).append(_line(one.detail, reducer))
        listed = [line for run in runs for line in [run, *of_run.pop(run["run"], [])]]
        return [*listed, *(line for lines in of_run.values() for line in lines)]


def _line(detail: RunDetail, reducer: str | None) -> dict[str, Any]:
    told = msgspec.to_builtins(detail)
    line = {name: told[name] for name in RunLine.__struct_fields__}
    return {**line, "result": None if reducer is None else f"{reducer}/api/v1/runs/{detail.run}/result"}
