"""A reducer is asked once more to take up a run, while it does so or afterwards: nothing of what came meanwhile is lost.

That happens where a new controller knows it under two names, one after the other (``TakeStock`` and ``Arm`` cross).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beamloom.services.reducer import resumption
from beamloom.transport.channel import Received
from beamloom.transport.messages import Arm, Parameters
from beamloom.triggermap import uniform
from services.bench import Feed, counts, frame, series, start
from services.reducer.test_reducer_deaths import Gains
from services.reducer_lives import pipeline


@pytest.mark.parametrize("meanwhile", [True, False])
def test_who_is_asked_again_has_all_parameters_and_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, meanwhile: bool
) -> None:
    # One message of the journal in a turn, so that there is a meanwhile.
    monkeypatch.setattr(resumption, "TURN_SECONDS", 0.0)
    feed = Feed([start(), *map(frame, range(1, 5))])
    with pipeline(tmp_path, feed, reducer=Gains) as one:
        bench = one.bench
        active = bench.arm(uniform(["eiger"], 100))
        bench.until(lambda: bench.reduced() == 5)
        one.kill()
        change_at = active.run.last_assigned
        bench.controller.set_parameters({"gain": b"7"})
        asked: list[Received] = []

        def listen(name: str, received: Received) -> bool:
            if name == "reducer" and isinstance(received.message, Arm | Parameters):
                asked.append(received)
            return True

        bench.tap = listen
        one.begin_life()
        reducer: Any = bench.services["reducer"]
        bench.until(lambda: reducer._resumption is not None)
        if not meanwhile:
            bench.until(lambda: reducer._resumption is None)
        assert {type(received.message) for received in asked} == {Arm, Parameters}
        for received in asked:
            reducer.receive(received, bench.now)
        feed.send(series(100)[5:])
        bench.until(lambda: active.finished)
        assert counts(active) == (102, 0, 0)
        expected = {event: 7 if event >= change_at else 1 for event in range(102)}
        assert bench.published["results"] == expected
