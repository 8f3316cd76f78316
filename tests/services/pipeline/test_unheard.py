"""A process that lives is not heard for longer than the heartbeat's timeout, from any message on: the result is the undisturbed one.

Messages of that time are lost, as with a connection that breaks, or come late, as with one that lasts.
``BEAMLOOM_DEEP=1`` cuts it off after each message (see ``moments``).
"""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.services.ingester.service import IngesterService
from beamloom.services.reducer.safekeeping import Safekeeping
from beamloom.settings import ControllerSettings, ReducerSettings
from beamloom.transport.channel import Received
from beamloom.transport.messages import CONTROLLER
from beamloom.triggermap import TriggerMap, uniform
from services.bench import Bench, Feed, Gathering, counts, series, start
from services.ingester.test_ingester_deaths import FRAMES, MAPS, oracle
from services.moments import DEEP, Moments, at_moments

CUT_STEPS = 130
"""1.3 s, where 1 s of silence counts as death."""


class Cut:
    """Takes one process off the network, and brings it back."""

    def __init__(self, bench: Bench, victim: str, *, late: bool) -> None:
        self.seen = 0
        self.bench = bench
        self._victim = victim
        self._late = late
        self._held: list[tuple[str, Received]] = []
        self._open = True
        bench.tap = self._pass

    def _pass(self, name: str, received: Received) -> bool:
        mine = name == self._victim or received.sender.partition("@")[0].partition("#")[0] == self._victim
        self.seen += mine
        if self._open or not mine:
            return True
        if self._late:
            self._held.append((name, received))
        return False

    def cut(self) -> None:
        self._open = False
        everyone = {name for name in self.bench.services if name != CONTROLLER}
        self.bench.unheard = everyone if self._victim == CONTROLLER else {self._victim}

    def mend(self) -> None:
        self._open = True
        self.bench.unheard = set()
        held, self._held = self._held, []
        for name, received in held:
            self.bench.services[name].receive(received, self.bench.now)


def play(
    trigger_map: TriggerMap, victim: str, cut_after: int | None, journals: Any, *, late: bool
) -> tuple[int, Bench]:
    """Play a run whose devices send a packet now and then; ``victim`` is cut off after so many messages to it or from it."""
    feeds = {"a": Feed(), "b": Feed()}
    to_send = {stream: list(series(FRAMES)) for stream in feeds}
    bench = Bench(feeds, reducer=None, settings=ControllerSettings(straggler_timeout=5.0))
    settings = ReducerSettings(state_dir=str(journals))
    bench.add_reducer(Gathering, Safekeeping(journals, settings, threaded=False), settings)
    bench.until(bench.everyone_known)
    bench.arm(trigger_map)
    cable = Cut(bench, victim, late=late)
    cut_at: int | None = None
    for step in range(20_000):
        for stream, feed in feeds.items():
            feed.send(to_send[stream][:3])
            del to_send[stream][:3]
        if cut_after is not None and cut_at is None and cable.seen >= cut_after:
            cut_at = step
            cable.cut()
        if cut_at is not None and step == cut_at + CUT_STEPS:
            cable.mend()
        if bench.active.finished:
            cable.mend()
            return cable.seen, bench
        bench.step()
    run = bench.active.run
    raise AssertionError(f"cut after {cut_after}: the run does not end: {run.ledger.counts()}")


@pytest.mark.timeout(600 if DEEP else 60)
@at_moments
@pytest.mark.parametrize("late", [False, True], ids=["lost", "late"])
@pytest.mark.parametrize("victim", ["a-ingester", "worker-1", "reducer", CONTROLLER])
@pytest.mark.parametrize("name", sorted(MAPS))
def test_who_was_not_heard_for_a_while_goes_on_and_nothing_is_lost(
    name: str, victim: str, late: bool, moments: Moments, tmp_path: Any
) -> None:
    expected = oracle(MAPS[name]())
    total, whole = play(MAPS[name](), victim, None, tmp_path / "whole", late=late)
    assert counts(whole.active) == (len(expected), 0, 0)
    whole.close()
    assert total > 10
    for after in moments(1, total, max(3, total // 6)):
        _, bench = play(MAPS[name](), victim, after, tmp_path / str(after), late=late)
        assert counts(bench.active) == (len(expected), 0, 0), (after, bench.active.run.ledger.losses)
        assert dict(bench.published["results"]) == expected, after
        if victim != "reducer":
            # What a reducer had taken, and could not say so, is sent again and dropped.
            assert bench.services["reducer"].figures()["duplicates"] == 0  # type: ignore[attr-defined]
        bench.close()


def test_an_ingester_that_comes_back_after_the_run_lets_go_of_its_device() -> None:
    feed = Feed()
    with Bench({"a": feed}, settings=ControllerSettings(ingester_timeout=0.2)) as bench:
        bench.arm(uniform(["a"], 10))
        feed.send([start()])
        cable = Cut(bench, "a-ingester", late=False)
        cable.cut()
        bench.until(lambda: bench.active.finished)
        ingester = bench.services["a-ingester"]
        assert isinstance(ingester, IngesterService)
        assert feed.closed == 0
        cable.mend()
        bench.until(lambda: feed.closed > 0)
