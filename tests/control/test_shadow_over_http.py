"""Another analysis beside the run, asked of the API: it is started, shown beside the run, promoted and stopped."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest

from beamloom.cli import shadow
from beamloom.client import connect
from beamloom.errors import RequestRefused, UsageError
from beamloom.services.controller.updating import UpdateRefused
from control.live import Live, launched_by, simple_map
from services.bench import Doubling, Gathering, series
from services.shadow.shadowing import begin_shadow

EVENTS = 200
ALL = EVENTS + 2


class Launcher:
    """Starts and ends shadow workers and workers of a pipeline in memory, as the supervisor of real processes does."""

    def __init__(self) -> None:
        self.live: Live | None = None
        self.cls: type = Doubling
        self.starts = True
        self.asked: list[dict[str, Any]] = []
        self.shadow = ""
        self.number = 0

    def __call__(self, question: Mapping[str, Any]) -> dict[str, Any]:
        assert self.live is not None
        self.asked.append(dict(question))
        match question:
            case {"do": "shadow", "worker": str(worker), "reducer": str(reducer), "sample": float(sample)}:
                self.end_shadow()
                self.number += 1
                name = f"shadow-{self.number}"
                if self.starts:
                    self.live.do(
                        partial(
                            begin_shadow,
                            self.live.bench,
                            self.cls,
                            Gathering,
                            sample=sample,
                            name=name,
                            worker_class=worker or None,
                            reducer_class=reducer or None,
                        )
                    )
                    self.shadow = name
                return {"started": name}
            case {"do": "unshadow"}:
                return {"stopping": self.end_shadow()}
            case {"do": "renew", "edition": int(edition)}:
                names = [f"newer-{edition}-1", f"newer-{edition}-2"]
                for name in names:
                    self.live.do(partial(self.live.bench.add_worker, name, self.cls, edition=edition))
                return {"started": names}
            case {"do": "adopt", "edition": int(edition)}:
                return {"adopted": edition}
        return {"problem": "no"}

    def end_shadow(self) -> list[str]:
        assert self.live is not None
        name, self.shadow = self.shadow, ""
        if name:
            self.live.do(partial(self.live.bench.end, name))
        return [name] if name else []


@pytest.fixture
def launcher() -> Launcher:
    return Launcher()


@pytest.fixture
def live(launcher: Launcher) -> Iterator[Live]:
    with launched_by(launcher) as running:
        yield running


def copied(live: Live) -> dict[str, Any]:
    told = live.read("shadow")["shadow"]
    return {} if told is None else dict(told["copied"])


def test_it_is_started_seen_and_promoted_in_the_middle_of_a_run(live: Live, launcher: Launcher) -> None:
    assert live.read("shadow")["shadow"] is None
    with connect(live.root) as pipeline:
        told = pipeline.shadow.start(sample=1.0)
        assert (told.name, told.sample, told.fault) == ("shadow-1", 1.0, None)
        assert set(told.workers) == {"worker-1", "worker-2"}
        assert "waits for a run" in str(told)
        live.arm(simple_map(EVENTS))
        live.do(lambda: live.feeds["eiger"].send(series(EVENTS)[:50]))
        live.wait_for("shadow", lambda state: state["shadow"]["copied"].get("reduced") == 50)
        assert "50 copies: 50 reduced, 0 failed, 0 waiting; 0 lost" in str(pipeline.shadow.state)
        updated = pipeline.shadow.promote()
        assert (updated.edition, updated.started) == (1, ("newer-1-1", "newer-1-2"))
        assert updated.first_event is not None
        live.wait_for("shadow", lambda state: state["shadow"] is None)
    live.do(lambda: live.feeds["eiger"].send(series(EVENTS)[50:]))
    assert live.finished()["reduced"] == ALL
    assert [one["first_event"] for one in live.read("ledger")["editions"]] == [0, updated.first_event]
    assert [one["check"] for one in live.read("doctor")["findings"]] == []


def test_another_one_takes_its_place_and_nothing_is_found_wrong(live: Live, launcher: Launcher) -> None:
    for number in (1, 2):
        answer = live.post("shadow", json={"sample": 0.5})
        assert answer.json()["shadow"]["name"] == f"shadow-{number}"
    live.wait_for("health", lambda health: health["ready"] and health["processes"] == 6)
    assert live.post("shadow/stop").json() == {"stopping": "shadow-2"}
    live.wait_for("shadow", lambda state: state["shadow"] is None)
    assert [one["check"] for one in live.read("doctor")["findings"]] == []


@pytest.mark.expects_errors
def test_one_whose_class_cannot_be_used_is_ended_and_says_why(live: Live, launcher: Launcher) -> None:
    class Broken:
        pass

    launcher.cls = Broken
    sentence = live.refused(live.post("shadow"), 409)
    assert "the shadow cannot be started" in sentence
    assert "process_event" in sentence
    live.wait_for("shadow", lambda state: state["shadow"] is None)
    assert live.read("health")["ready"]


def test_one_that_does_not_come_is_not_waited_for_for_ever(live: Live, launcher: Launcher) -> None:
    launcher.starts = False
    sentence = live.refused(live.post("shadow", json={"patience": 0.1}), 424)
    assert "the shadow worker shadow-1 is not there" in sentence


def test_another_reducer_class_is_not_promoted(live: Live, launcher: Launcher) -> None:
    live.post("shadow", json={"reducer": "spectra:Other"})
    sentence = live.refused(live.post("shadow/promote"), 409)
    assert "another reducer class (spectra:Other) than the pipeline (none)" in sentence
    assert "--worker-only" in sentence
    answer = live.post("shadow/promote", json={"worker_only": True})
    assert answer.json()["edition"] == 1


def test_code_that_has_changed_since_is_not_promoted(live: Live, launcher: Launcher) -> None:
    live.post("shadow")

    def changed() -> None:
        live.bench.member("worker-1").register.digest = "other"
        live.bench.controller.updates.check_digest(["worker-1"], "seen")

    with pytest.raises(UpdateRefused, match="have changed since the shadow was started"):
        live.do(changed)


def test_where_there_is_none_the_way_to_one_is_told() -> None:
    with Live() as live:
        assert "beamloom shadow start" in live.refused(live.post("shadow/stop"), 404)
        assert "beamloom shadow start" in live.refused(live.post("shadow/promote"), 404)
        assert "beamloom shadowworker" in live.refused(live.post("shadow"), 409)
        # One that was started by hand is shown, and ended where it was started.
        live.do(partial(begin_shadow, live.bench, Doubling, name="by-hand"))
        live.wait_for("shadow", lambda state: state["shadow"] is not None)
        assert "where it was started" in live.refused(live.post("shadow/stop"), 409)


@pytest.mark.parametrize(
    "body", [b"{", b'{"worker": "no class"}', b'{"sample": 0}', b'{"sample": 1.5}', b'{"class": "a:B"}']
)
def test_a_wrong_wish_is_refused_with_what_is_right(live: Live, body: bytes) -> None:
    assert 'the body is {"worker": "module:Class"' in live.refused(live.post("shadow", data=body), 400)


def test_the_commands_say_what_they_did(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    shadow.add_arguments(parser)

    def run(*words: str) -> str:
        assert shadow.run(parser.parse_args([*words, "--url", live.root])) == 0
        return capsys.readouterr().out

    assert "beamloom shadow start" in run("status")
    assert "shadow-1: spectra:Better and no reducer class over 0.5 of the events" in run(
        "start", "-c", "spectra:Better", "--sample", "0.5"
    )
    assert "it waits for a run" in run("status")
    assert run("stop") == "the shadow ends\n"
    with pytest.raises(UsageError, match="above 0 and up to 1"):
        run("start", "--sample", "2")
    with pytest.raises(UsageError, match="such as spectra:Better, not 'nonsense'"):
        run("start", "--reducer", "nonsense")
    live.wait_for("shadow", lambda state: state["shadow"] is None)
    with pytest.raises(UsageError, match="beamloom shadow start"):
        run("compare")
    with pytest.raises(RequestRefused, match="beamloom shadow start"):
        run("promote")
