"""A replay merges as workers do live, and gives what a replay gives that does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from beamloom import Append, Event, MergingReducer, Result, Sum
from beamloom.replay import replay
from replay.material import one_part, write_run


class Single:
    """Returns the number of an event as a sum and as a row."""

    def process_event(self, event: Event) -> dict[str, Any]:
        value = int(event.streams["a"].frames[0])
        return {"sum": Sum().add(event.event_number, value), "rows": Append().add(event.event_number, value)}


class Merged(Single):
    combine = True


class Counting(MergingReducer):
    """Merges, and publishes for how many events each result stood."""

    def __init__(self) -> None:
        super().__init__()
        self.publish["sizes"] = []

    def process_result(self, result: Result) -> None:
        super().process_result(result)
        self.publish["sizes"].append(len(result.events))


def test_merged_and_single_results_give_the_same(tmp_path: Path) -> None:
    cells = [[{"constraint": event}] for event in range(500)]
    files = write_run(tmp_path, {"a": range(500)}, one_part(a=cells))
    single, merged, again = (replay(cls, Counting, files, workers=3) for cls in (Single, Merged, Merged))
    assert single.clean
    assert merged.clean
    for report in (single, merged):
        assert report.counts.reduced == 500
        assert report.publish["sum"].value == sum(range(500))
        assert np.array_equal(report.publish["rows"].snapshot()["data"], np.arange(500))
        assert sum(report.publish["sizes"]) == 500
    assert set(single.publish["sizes"]) == {1}
    assert len(merged.publish["sizes"]) < 100
    assert again.publish["sizes"] == merged.publish["sizes"]
