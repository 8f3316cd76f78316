"""An ingester that is ready before the others tells of its stream at once, and only once: the run knows it when it begins."""

from __future__ import annotations

import pytest

from beamloom.settings import ControllerSettings
from beamloom.triggermap import TriggerMap, open_ended, uniform
from services.bench import Bench, Feed, counts, series

FRAMES = 12
MAPS = {"known": uniform(["a", "b"], FRAMES), "open-ended": open_ended(["a", "b"])}


@pytest.mark.parametrize("name", sorted(MAPS))
def test_a_device_that_sends_all_before_another_one_is_there_is_not_forgotten(name: str) -> None:
    trigger_map: TriggerMap = MAPS[name]
    late = Feed(series(FRAMES))
    late.problem = "it is switched off"
    feeds = {"a": Feed(series(FRAMES)), "b": late}
    with Bench(feeds, settings=ControllerSettings(straggler_timeout=1e6)) as bench:
        outcome: list[str | Exception] = []
        bench.controller.arm(trigger_map, outcome.append, bench.now)
        bench.until(lambda: not feeds["a"].arrivals)
        bench.steps(20)
        assert not outcome
        late.problem = None
        bench.until(lambda: bool(outcome))
        active = bench.active
        assert active.run.standing["a"].complete_until == FRAMES + 2 or name == "open-ended"
        assert active.run.standing["a"].ended
        bench.until(lambda: active.finished)
        assert counts(active) == (FRAMES + 2, 0, 0)
