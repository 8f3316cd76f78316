"""Constraints with a state, together with other faults: no result shows any of it, or what cannot be had is lost and says why.

``BEAMLOOM_DEEP=1`` tries each moment (see ``moments``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beamloom.control.views.ensemble import status
from beamloom.control.views.runs import progress
from beamloom.devices.device import Sharing
from beamloom.engine.accounts.faults import Death, Failure
from beamloom.events import Event, Malformed, Packet
from beamloom.services.ingester.service import IngesterService
from beamloom.settings import ControllerSettings
from beamloom.transport.channel import Received
from beamloom.transport.messages import Gone
from services.bench import Bench, Died, Feed, counts, inject, series
from services.ingester.test_ingester_deaths import Device, Scene
from services.ingester.test_shared_streams import dealt, sharing
from services.moments import Moments, at_moments
from services.reducer_lives import pipeline
from services.worker.test_stateful_classes import (
    EVENTS,
    IN_A_CONSTRAINT,
    RunningSum,
    expected,
    the_map,
    without_ends,
)

SOON = ControllerSettings(ingester_timeout=1.5)


class Mishap:
    """Does something once, after so many messages to or from a process."""

    def __init__(self, bench: Bench, name: str, after: int) -> None:
        self.seen = 0
        self.due = False
        self._name, self._after = name, after
        bench.tap = self._tap

    def _tap(self, name: str, received: Received) -> bool:
        self.seen += name == self._name or received.sender.startswith(self._name)
        self.due = self.due or self.seen >= self._after
        return True


def check_sums(bench: Bench, lost_by: str = "") -> int:
    """What is reduced is what a plain loop gives, each event once; returns how many are lost, all of them for that cause."""
    active = bench.active
    assert active.run.ledger.complete
    reduced, failed, lost = counts(active)
    assert (failed, reduced + lost) == (0, EVENTS + 2)
    published = without_ends(bench.published["results"])
    # A lost event is no part of any state.
    gone = frozenset(event for first, stop in active.run.ledger.lost for event in range(first, stop))
    assert published == without_ends(expected(gone))
    for cause, _ in active.run.losses_by_cause():
        assert lost_by in cause
    return lost


@pytest.mark.parametrize("how", [Sharing.DEALT, Sharing.ALL])
@pytest.mark.parametrize("arrived", [1, 4, 9, 10, 17, 25, 39])
def test_a_constraint_of_a_shared_stream_is_worked_through_again_with_the_packets_of_all_shares(
    how: Sharing, arrived: int
) -> None:
    whole = series(EVENTS)
    feeds = (
        dealt(whole[: arrived + 1], 2) if how is Sharing.DEALT else [Feed(whole[: arrived + 1]) for _ in "ab"]
    )
    rest = dealt(whole, 2) if how is Sharing.DEALT else [Feed(whole) for _ in "ab"]
    sent = [len(feed.arrivals) for feed in feeds]
    with sharing(feeds, how, worker=RunningSum) as bench:
        active = bench.arm(the_map())
        bench.until(lambda: bench.reduced() == arrived + 1)
        bench.kill("worker-1")
        for feed, others, count in zip(feeds, rest, sent, strict=True):
            feed.send(list(others.arrivals)[count:])
        bench.until(lambda: active.finished, 5000)
        assert check_sums(bench) == 0


@pytest.mark.parametrize("arrived", [3, 9, 14, 22, 31])
def test_a_constraint_that_loses_a_share_of_its_past_and_then_its_worker_is_lost_and_says_why(
    arrived: int,
) -> None:
    whole = series(EVENTS)
    feeds = dealt(whole[: arrived + 1], 2)
    with sharing(feeds, worker=RunningSum) as bench:
        active = bench.arm(the_map())
        bench.until(lambda: bench.reduced() == arrived + 1)
        bench.kill("eiger-1")
        bench.until(lambda: "eiger-1" not in {member.name for member in bench.controller.ensemble})
        bench.kill("worker-1")
        bench.kill("worker-2")
        bench.add_worker("worker-3")
        feeds[0].send(list(dealt(whole, 2)[0].arrivals)[len(dealt(whole[: arrived + 1], 2)[0].arrivals) :])
        bench.until(lambda: active.finished, 20_000)
        assert check_sums(bench, "eiger-1") > 0


@pytest.mark.parametrize("arrived", [5, 9, 15, 28])
def test_a_constraint_that_was_spilled_is_read_back_from_the_disk(tmp_path: Path, arrived: int) -> None:
    feed = Feed(series(EVENTS)[: arrived + 1])
    with Bench({}, RunningSum) as bench:
        bench.add_ingester("eiger", feed, state_dir=str(tmp_path), retention_bytes=4, on_full="spill")
        bench.until(bench.everyone_known)
        active = bench.arm(the_map())
        bench.until(lambda: bench.reduced() == arrived + 1, 5000)
        assert list(tmp_path.rglob("*.packets"))
        for name in ("worker-1", "worker-2"):
            bench.kill(name)
            bench.add_worker(f"{name}-again")
        feed.send(series(EVENTS)[arrived + 1 :])
        bench.until(lambda: active.finished, 5000)
        assert check_sums(bench) == 0
        assert active.run.redelivered > 0


@pytest.mark.expects_errors
def test_a_spooled_packet_that_cannot_be_read_again_ends_its_constraint_and_the_run_goes_on(
    tmp_path: Path,
) -> None:
    arrived = 8
    feed = Feed(series(EVENTS)[: arrived + 1])
    with Bench({}, RunningSum) as bench:
        bench.add_ingester("eiger", feed, state_dir=str(tmp_path), retention_bytes=4, on_full="spill")
        bench.until(bench.everyone_known)
        active = bench.arm(the_map())
        bench.until(lambda: bench.reduced() == arrived + 1, 5000)
        for path in tmp_path.rglob("*.packets"):
            content = bytearray(path.read_bytes())
            content[-1] ^= 1
            path.write_bytes(content)
        for name in ("worker-1", "worker-2"):
            bench.kill(name)
            bench.add_worker(f"{name}-again")
        feed.send(series(EVENTS)[arrived + 1 :])
        bench.until(lambda: active.finished, 5000)
        assert check_sums(bench, "could not be read back") == IN_A_CONSTRAINT - arrived


@pytest.mark.parametrize("bad", [1, 5, 10, 16])
def test_an_event_that_overstays_twice_is_put_aside_and_its_constraint_goes_on_without_it(bad: int) -> None:
    """What the guard says of a worker that it has ended."""

    class Hanging(RunningSum):
        def process_event(self, event: Event) -> float:
            if event.event_number == bad:
                raise Died
            return super().process_event(event)

    names = iter(range(3, 20))
    with Bench({"eiger": Feed(series(EVENTS))}, Hanging) as bench:
        active = bench.arm(the_map())
        death = Death(
            bad, Failure("process", "EventTimeout", f"event {bad} took longer than event_timeout (1 s)", "")
        )

        def look() -> bool:
            for member in bench.controller.ensemble.workers:
                if member.name not in bench.services:
                    inject(bench, "controller", member.peer, Gone("overstayed", killed=True, death=death))
                    bench.add_worker(f"worker-{next(names)}")
            return active.finished

        bench.until(look, 8000)
        assert list(active.run.ledger.failed) == [(bad, bad + 1)]
        assert without_ends(bench.published["results"]) == without_ends(expected(frozenset({bad})))
        (group,) = active.run.faults.groups
        assert group.failure.error == "EventTimeout"
        assert progress(active)["quarantined"] == 1
        assert status(bench.controller)["quarantined"] == [bad]


class Drip(Feed):
    """A device whose packets come one at a time."""

    def read(self, limit: int) -> list[Packet | Malformed]:
        return super().read(min(limit, 1))


@at_moments
@pytest.mark.parametrize("gap", [0, 15])
def test_the_reducer_and_a_worker_may_die_at_any_moment(tmp_path: Path, gap: int, moments: Moments) -> None:
    """The worker dies ``gap`` steps after the reducer."""

    def play(moment: int) -> tuple[int, int]:
        with pipeline(tmp_path / f"{moment}", Drip(series(EVENTS)), worker=RunningSum) as one:
            bench = one.bench
            active = bench.arm(the_map())
            mishap = Mishap(bench, "reducer", moment)
            since: float | None = None

            def look() -> bool:
                nonlocal since
                if since is None and mishap.due:
                    since = bench.now
                    one.kill()
                if since is not None and bench.now >= since + gap / 100 and "worker-1" in bench.services:
                    bench.kill("worker-1")
                # A reducer that dies last of all has what it published from its journal again, a moment later.
                return active.finished and not active.run.custody.away and "results" in bench.published

            one.until(look)
            return mishap.seen, check_sums(bench)

    total, lost = play(10**9)
    assert (total > 40, lost) == (True, 0)
    for moment in moments(1, total, 6):
        assert play(moment)[1] == 0, moment


class Spooled(Scene):
    """A camera whose ingester dies, and a worker; what the ingester has on disk stays there, if it has any."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__({}, SOON, worker=RunningSum, workers=("worker-1", "worker-2"))
        self.devices = {"eiger": Device(series(EVENTS))}
        self._more: dict[str, Any] = {} if folder is None else {"state_dir": str(folder), "write_ahead": True}
        self.start("eiger")
        self.bench.until(self.bench.everyone_known)

    def start(self, stream: str) -> None:
        self.bench.add_ingester(stream, self.devices[stream].source_for_run(), **self._more)

    def kill(self, stream: str) -> None:
        service = self.bench.services[f"{stream}-ingester"]
        assert isinstance(service, IngesterService)
        super().kill(stream)
        lock = service._spooling._lock
        if lock is not None:
            lock.release()


def play_with_deaths(folder: Path | None, after: int, worker_first: bool) -> tuple[int, Spooled]:
    """The ingester and the worker that has the first constraint die one after the other, from a moment on."""
    scene = Spooled(folder)
    bench = scene.bench
    bench.arm(the_map())
    mishap = Mishap(bench, "eiger-ingester", after)
    scene.pace = 1
    since: int | None = None
    for step in range(20_000):
        if bench.active.finished:
            return mishap.seen, scene
        if since is None and mishap.due:
            since = step
            if worker_first:
                bench.kill("worker-1")
            scene.kill("eiger")
        if since is not None and step == since + 3:
            scene.start("eiger")
        if since is not None and step == since + 12 and not worker_first:
            bench.kill("worker-1")
        scene.step()
    run = bench.active.run
    raise AssertionError(
        f"after {after}: the run does not end: {run.ledger.counts()}, {run.succession.vacant}"
    )


@at_moments
@pytest.mark.parametrize("worker_first", [True, False])
def test_with_a_spool_the_past_outlives_the_ingester(
    tmp_path: Path, worker_first: bool, moments: Moments
) -> None:
    total, scene = play_with_deaths(tmp_path / "whole", 10**9, worker_first)
    assert check_sums(scene.bench) == 0
    scene.bench.close()
    redelivered = 0
    for after in moments(1, total, 3):
        _, scene = play_with_deaths(tmp_path / str(after), after, worker_first)
        assert check_sums(scene.bench) == 0, after
        redelivered += scene.bench.active.run.redelivered
        scene.bench.close()
    assert redelivered > EVENTS


@at_moments
@pytest.mark.parametrize("worker_first", [True, False])
def test_without_a_spool_what_needs_the_past_is_lost_and_says_why(
    worker_first: bool, moments: Moments
) -> None:
    total, scene = play_with_deaths(None, 10**9, worker_first)
    scene.bench.close()
    lost = 0
    for after in moments(1, total, 3):
        _, scene = play_with_deaths(None, after, worker_first)
        lost += check_sums(scene.bench, "the ingester of stream 'eiger' is gone")
        scene.bench.close()
    assert lost > 0
