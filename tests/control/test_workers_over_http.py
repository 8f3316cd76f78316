"""More workers or fewer, asked of the API: it asks whoever started the pipeline, and says where there is nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from control.live import Live, launched_by, simple_map
from services.bench import series
from support.waiting import until


class Launcher:
    """Starts and stops workers of a pipeline in memory, as the supervisor of real processes does."""

    def __init__(self) -> None:
        self.live: Live | None = None
        self.refuses = False

    def __call__(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self.live is not None
        bench = self.live.bench
        match question:
            case {"do": "list"}:
                return {"kinds": [{"class": "spectra:Worker", "tags": ["generic"]}], "workers": []}
            case {"do": "start", "count": 1}:
                self.live.do(lambda: bench.add_worker("worker-3"))
                return {"started": ["worker-3"]}
            case {"do": "stop", "name": str(name)} if not self.refuses:
                self.live.do(lambda: bench.services[name].leave("told to end by SIGTERM"))
                self.live.do(lambda: bench.still.add(name))
                return {"stopping": name}
        return {"problem": "no"}


@pytest.fixture
def launcher() -> Launcher:
    return Launcher()


@pytest.fixture
def live(launcher: Launcher) -> Iterator[Live]:
    with launched_by(launcher) as running:
        yield running


def names(live: Live) -> list[str]:
    return sorted(one["name"] for one in live.read("config")["workers"])


def test_where_nobody_can_start_workers_a_sentence_says_so() -> None:
    with Live() as live:
        told = live.read("workers")
        assert (told["can_start"], told["kinds"], told["workers"]) == (False, [], [])
        assert "beamloom worker" in told["why_not"]
        assert "not started by 'beamloom up'" in live.refused(live.post("workers", json={"count": 1}), 409)
        assert "not started by 'beamloom up'" in live.refused(live.post("workers/worker-1/stop"), 409)
        assert names(live) == ["worker-1", "worker-2"]


def test_a_worker_is_started_and_takes_part(live: Live) -> None:
    told = live.read("workers")
    assert (told["can_start"], told["why_not"]) == (True, None)
    assert live.post("workers", json={"count": 1}).json() == {"started": ["worker-3"]}
    live.wait_for("config", lambda config: len(config["workers"]) == 3)


@pytest.mark.parametrize("body", [b"{", b'{"count": 0}', b'{"count": 65}', b'{"number": 1}', b'{"kind": -1}'])
def test_a_wrong_wish_is_refused_with_what_is_right(live: Live, body: bytes) -> None:
    assert 'the body is {"count": number' in live.refused(live.post("workers", data=body), 400)


def test_a_worker_that_was_asked_to_end_is_no_finding(live: Live) -> None:
    assert live.post("workers/worker-1/stop").json() == {"stopping": "worker-1"}
    live.wait_for("config", lambda config: len(config["workers"]) == 1)
    assert live.read("doctor")["findings"] == []


def test_a_worker_is_drained_wherever_it_was_started() -> None:
    with Live() as live:
        assert "no worker 'nobody' takes part" in live.refused(live.post("workers/nobody/drain"), 404)
        assert "did you mean 'worker-1'" in live.refused(live.post("workers/worker1/drain"), 404)
        live.arm(simple_map(100))
        # It is held still: what it is told waits for it, and what it says of itself comes with its signs of life.
        live.do(lambda: live.bench.still.add("worker-1"))
        assert live.post("workers/worker-1/drain").json() == {"draining": "worker-1"}
        live.do(lambda: live.bench.notes.update({"worker-1": {"drains": "asked to leave over HTTP"}}))
        told = live.wait_for("config", lambda config: any(one["drains"] for one in config["workers"]))
        leaving = {one["name"]: one["drains"] for one in told["workers"]}
        assert leaving == {"worker-1": "asked to leave over HTTP", "worker-2": None}
        assert "worker-2 is the only worker" in live.refused(live.post("workers/worker-2/drain"), 409)
        live.do(lambda: live.bench.still.discard("worker-1"))
        worker: Any = live.bench.services["worker-1"]
        until(lambda: live.do(lambda: worker.drained(live.bench.now)), "worker-1 has drained")
        live.do(lambda: live.bench.end("worker-1"))
        live.wait_for("config", lambda config: len(config["workers"]) == 1)
        live.do(lambda: live.feeds["eiger"].send(series(100)))
        end = live.finished()
        assert (end["reduced"], end["redelivered"], end["quarantined"]) == (102, 0, 0)
        assert end["handed_back"] > 0
        assert [one["check"] for one in live.read("doctor")["findings"]] == []


def test_the_last_worker_is_not_stopped(live: Live) -> None:
    live.wait_for("config", lambda config: len(config["workers"]) == 2)
    assert live.post("workers/worker-1/stop").json() == {"stopping": "worker-1"}
    assert "worker-2 is the only worker" in live.refused(live.post("workers/worker-2/stop"), 409)
    assert "worker-2" in names(live)


def test_a_worker_that_the_run_needs_is_not_stopped(live: Live) -> None:
    live.do(lambda: live.bench.add_worker("special", tags=("special",)))
    live.wait_for("config", lambda config: len(config["workers"]) == 3)
    cells = [[{"tags": ["special"], "constraint": n}] for n in range(200)]
    live.arm({"parts": {"main": {"eiger": cells}}, "sequence": ["main"]})
    assert "the run needs special" in live.refused(live.post("workers/special/stop"), 409)
    assert live.post("workers/worker-1/stop").status_code == 200


def test_a_refusal_of_the_launcher_is_told_and_the_worker_is_expected_to_stay(
    live: Live, launcher: Launcher
) -> None:
    launcher.refuses = True
    assert live.refused(live.post("workers/worker-1/stop"), 409) == "no"
    live.arm(simple_map(3))
    live.do(lambda: live.bench.kill("worker-1"))
    live.wait_for("doctor", lambda told: "process-gone" in {one["check"] for one in told["findings"]})
