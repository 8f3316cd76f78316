"""Processes forget with the next run who is gone of those before: else each restart left a socket that connects for ever."""

from __future__ import annotations

import pytest

from beamloom.transport.messages import Finished
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, Gathering, counts, series


def knows(bench: Bench, name: str, peer: str) -> bool:
    try:
        bench.channels[name].send(peer, Finished("nobody's"))
    except KeyError:
        return False
    return True


@pytest.mark.parametrize("name", ["eiger-ingester", "reducer"])
def test_a_worker_that_left_between_runs_is_forgotten_with_the_next(name: str) -> None:
    feed = Feed(series(3))
    with Bench({"eiger": feed}) as bench:
        bench.play(uniform(["eiger"], 3))
        gone, stays = bench.member("worker-1").peer, bench.member("worker-2").peer
        bench.end("worker-1")
        bench.add_worker("worker-1")
        bench.until(bench.everyone_known)
        bench.steps(5)
        feed.send(series(3))
        assert counts(bench.play(uniform(["eiger"], 3))) == (5, 0, 0)
        assert knows(bench, name, stays)
        assert not knows(bench, name, gone)


def test_a_reducer_that_was_started_anew_between_runs_is_forgotten_by_the_workers() -> None:
    feed = Feed(series(3))
    with Bench({"eiger": feed}) as bench:
        bench.play(uniform(["eiger"], 3))
        former = bench.member("reducer").peer
        bench.end("reducer")
        bench.add_reducer(Gathering)
        bench.until(bench.everyone_known)
        bench.steps(5)
        feed.send(series(3))
        assert counts(bench.play(uniform(["eiger"], 3))) == (5, 0, 0)
        assert knows(bench, "worker-1", bench.member("reducer").peer)
        assert not knows(bench, "worker-1", former)
