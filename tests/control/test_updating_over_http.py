"""Newer code takes over, asked of the API: it starts the workers, waits for them, and says from which event on they have the run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from beamloom.cli import update
from beamloom.client import connect
from beamloom.errors import RequestRefused
from control.live import Live, launched_by, simple_map
from services.bench import Doubling, series


class Launcher:
    """Starts workers of a pipeline in memory, as the supervisor of real processes does."""

    def __init__(self) -> None:
        self.live: Live | None = None
        self.cls: type = Doubling
        self.starts = True
        self.asked: list[dict[str, Any]] = []
        self.number = 2

    def __call__(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self.live is not None
        live, bench = self.live, self.live.bench
        self.asked.append(dict(question))
        match question:
            case {"do": "renew", "edition": int(edition)}:
                names = [f"worker-{self.number + 1}", f"worker-{self.number + 2}"]
                self.number += 2
                for name in names if self.starts else ():
                    live.do(partial(bench.add_worker, name, self.cls, edition=edition))
                return {"started": names}
            case {"do": "stop", "name": str(name)}:
                if name in bench.services:
                    live.do(lambda: bench.end(name))
                return {"stopping": name}
            case {"do": "adopt", "edition": int(edition)}:
                return {"adopted": edition}
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


def test_newer_workers_take_over_the_run_and_the_ledger_has_both(live: Live, launcher: Launcher) -> None:
    run = live.arm(simple_map(200))
    live.do(lambda: live.feeds["eiger"].send(series(200)[:20]))
    live.wait_for("progress", lambda progress: progress["reduced"] == 20)
    with connect(live.root) as pipeline:
        told = pipeline.update()
    assert (told.edition, told.started) == (1, ("worker-3", "worker-4"))
    assert told.first_event is not None
    assert "from event" in str(told)
    assert [one["do"] for one in launcher.asked] == ["renew", "adopt"]
    shown = live.read("update")
    assert {one["name"]: one["edition"] for one in shown["workers"]} == {
        "worker-1": 0,
        "worker-2": 0,
        "worker-3": 1,
        "worker-4": 1,
    }
    live.do(lambda: live.feeds["eiger"].send(series(200)[20:]))
    assert live.finished()["reduced"] == 202
    assert [one["events"] for one in live.read("ledger")["editions"]] == [
        f"0-{told.first_event - 1}",
        f"{told.first_event}-201",
    ]
    assert [one["first_event"] for one in live.read(f"runs/{run}")["editions"]] == [0, told.first_event]


@pytest.mark.expects_errors
def test_newer_code_that_cannot_work_is_ended_and_the_others_go_on(live: Live, launcher: Launcher) -> None:
    class Broken:
        pass

    live.arm(simple_map(20))
    launcher.cls = Broken
    sentence = live.refused(live.post("update"), 409)
    assert "so the others go on" in sentence
    assert "process_event" in sentence
    live.wait_for("config", lambda config: len(config["workers"]) == 2)
    assert names(live) == ["worker-1", "worker-2"]
    live.do(lambda: live.feeds["eiger"].send(series(20)))
    assert live.finished()["reduced"] == 22
    assert [one["edition"] for one in live.read("ledger")["editions"]] == [0]
    assert [one["check"] for one in live.read("doctor")["findings"]] == []


def test_newer_workers_that_do_not_come_are_not_waited_for_for_ever(live: Live, launcher: Launcher) -> None:
    launcher.starts = False
    sentence = live.refused(live.post("update", json={"patience": 0.2}), 424)
    assert "worker-3, worker-4 could not take over" in sentence
    assert [one["do"] for one in launcher.asked] == ["renew", "stop", "stop"]


def test_workers_that_were_started_by_hand_take_over_when_somebody_says_so() -> None:
    with Live() as live:
        assert "beamloom worker" in live.refused(live.post("update"), 409)
        assert "beamloom worker --edition 7" in live.refused(live.post("update", json={"edition": 7}), 409)
        live.do(lambda: live.bench.add_worker("by-hand", edition=7))
        live.wait_for("config", lambda config: len(config["workers"]) == 3)
        assert live.post("update", json={"edition": 7}).json() == {
            "edition": 7,
            "first_event": None,
            "started": [],
        }
        with connect(live.root) as pipeline:
            assert "older workers leave now" in str(pipeline.update(edition=7))


@pytest.mark.parametrize(
    "body", [b"{", b'{"worker": "no class"}', b'{"edition": 0}', b'{"patience": 0}', b'{"class": "a:B"}']
)
def test_a_wrong_wish_is_refused_with_what_is_right(live: Live, body: bytes) -> None:
    assert 'the body is {"worker": "module:Class"}' in live.refused(live.post("update", data=body), 400)


def test_the_command_says_what_it_did_and_refusals_as_they_are(
    live: Live, launcher: Launcher, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    update.add_arguments(parser)
    assert update.run(parser.parse_args(["--url", live.root, "-c", "spectra:Better"])) == 0
    assert "edition 1 of the analysis has taken over (worker-3, worker-4)" in capsys.readouterr().out
    assert launcher.asked[0]["class"] == "spectra:Better"
    with pytest.raises(RequestRefused, match="no worker of edition 9 takes part"):
        update.run(parser.parse_args(["--url", live.root, "--edition", "9"]))
