"""What a worker said when another reducer took the run up says nothing of what it holds now."""

from __future__ import annotations

from pathlib import Path

from beamloom.transport.messages import Held
from beamloom.triggermap import uniform
from services.bench import Feed, counts, frame, inject, series, start
from services.reducer_lives import pipeline


def test_an_answer_to_a_reducer_that_was_replaced_has_nothing_leased_again(tmp_path: Path) -> None:
    feed = Feed([start(), *map(frame, range(1, 5))])
    with pipeline(tmp_path, feed) as one:
        bench = one.bench
        active = bench.arm(uniform(["eiger"], 100))
        bench.until(lambda: bench.reduced() == 5)
        former = bench.member("reducer").peer
        worker = bench.member("worker-1").peer
        bench.still = {"worker-1", "worker-2"}
        feed.send(series(100)[5:])
        bench.steps(5)
        one.kill()
        one.begin_life()
        bench.until(lambda: active.run.custody.away)
        bench.until(lambda: not active.run.custody.away)
        assert active.run.workers
        inject(bench, "controller", worker, Held(active.run.run_id, {}, former))
        bench.steps(2)
        assert active.run.redelivered == 0
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert counts(active) == (102, 0, 0)
        assert active.run.redelivered == 0
