"""Workers that come and go: named anew each time, started like those of the pipeline file, stopped without being killed."""

from __future__ import annotations

import asyncio
import os
import resource
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import pytest

from beamloom.control.launcher import NoLauncher, NoWorker, ask_launcher
from beamloom.exit_status import RETIRED
from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import LocalPlacement, ProcessSpec, ProcessStatus, State
from beamloom.placement.door import Door
from beamloom.placement.layout import Layout, layout_of
from beamloom.placement.staff import Staff, StaffError, WorkerKind

SLEEPER = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); print('ready', flush=True); signal.pause()"


def sleeper(name: str) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-c", SLEEPER), is_worker=True)


KIND = WorkerKind(worker_class="spectra:Worker", tags=("generic",), make=sleeper)


class Record:
    """Somebody who only notes what is asked of him."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.retired: list[str] = []
        self.argv: dict[str, tuple[str, ...]] = {}

    def status(self) -> list[ProcessStatus]:
        usual = {"pid": 1, "state": State.RUNNING, "uptime": 1.0, "restarts": 0, "message": ""}
        others = [ProcessStatus(name="reducer", **usual)]  # type: ignore[arg-type]
        return others + [ProcessStatus(name=name, is_worker=True, **usual) for name in self.names]  # type: ignore[arg-type]

    def begin(self, specs: Sequence[ProcessSpec]) -> None:
        self.names += [spec.name for spec in specs]
        self.argv |= {spec.name: spec.argv for spec in specs}

    def retire(self, name: str) -> None:
        self.names.remove(name)
        self.retired.append(name)


def shadow_of(name: str, worker: str, reducer: str, sample: float) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, worker, reducer, str(sample)))


def test_there_is_one_shadow_at_a_time_and_its_name_is_never_given_twice() -> None:
    house = Record("worker-1")
    staff = Staff(house, [KIND], shadow_of)
    wanted = {"do": "shadow", "worker": "spectra:Better", "reducer": "", "sample": 0.5}
    assert staff.answer(wanted) == {"started": "shadow-1"}
    assert house.argv["shadow-1"][1:] == ("spectra:Better", "", "0.5")
    assert staff.answer(wanted) == {"started": "shadow-2"}
    assert house.retired == ["shadow-1"]
    assert staff.answer({"do": "unshadow"}) == {"stopping": ["shadow-2"]}
    assert staff.answer({"do": "unshadow"}) == {"stopping": []}
    # A shadow of no class in particular looks on with the class that was promoted last.
    staff.answer({"do": "adopt", "edition": 1, "class": "spectra:Better"})
    staff.answer({**wanted, "worker": ""})
    assert house.argv["shadow-3"][1] == "spectra:Better"


def test_where_no_shadow_can_be_started_the_answer_says_how_one_can() -> None:
    answer = Staff(Record(), [KIND]).answer({"do": "shadow", "worker": "", "reducer": "", "sample": 0.5})
    assert "beamloom shadowworker" in answer["problem"]


def test_further_workers_get_names_that_nobody_has_had() -> None:
    house = Record("worker-1", "worker-2")
    staff = Staff(house, [KIND])
    assert staff.start(2, 0) == ["worker-3", "worker-4"]
    staff.stop("worker-4")
    assert staff.start(1, 0) == ["worker-5"]
    assert house.names == ["worker-1", "worker-2", "worker-3", "worker-5"]


def test_for_each_worker_one_with_newer_code_is_started_and_later_ones_are_like_it_when_it_has_taken_over() -> (
    None
):
    house = Record("worker-1", "worker-2")
    staff = Staff(house, [KIND])
    asked = {"edition": 1, "class": "spectra:Better"}
    assert staff.answer({"do": "renew", **asked}) == {"started": ["worker-3", "worker-4"]}
    assert house.argv["worker-4"][-2:] == ("--edition=1", "--worker-class=spectra:Better")
    # It did not take over: those that come now are as the others are.
    assert staff.start(1, 0) == ["worker-5"]
    assert house.argv["worker-5"] == sleeper("worker-5").argv
    assert staff.answer({"do": "adopt", **asked}) == {"adopted": 1}
    assert staff.start(1, 0) == ["worker-6"]
    assert house.argv["worker-6"][-2:] == ("--edition=1", "--worker-class=spectra:Better")
    # The class stays what it is until somebody names another one.
    staff.renew(2, "")
    assert house.argv["worker-7"][-2:] == ("--edition=2", "--worker-class=spectra:Better")


def test_a_class_is_not_given_to_workers_of_several_kinds() -> None:
    class TwoKinds(Record):
        def status(self) -> list[ProcessStatus]:
            return [msgspec.structs.replace(one, kind=at) for at, one in enumerate(super().status())]

    staff = Staff(TwoKinds("worker-1", "worker-2"), [KIND] * 3)
    assert (
        "workers of 2 kinds"
        in staff.answer({"do": "renew", "edition": 1, "class": "spectra:Better"})["problem"]
    )


@pytest.mark.parametrize(
    ("count", "kind", "says"), [(0, 0, "from 1 to 64"), (65, 0, "from 1 to 64"), (1, 3, "there is no kind 3")]
)
def test_what_cannot_be_started_is_refused_with_a_sentence(count: int, kind: int, says: str) -> None:
    with pytest.raises(StaffError, match=says):
        Staff(Record(), [KIND]).start(count, kind)


def test_only_workers_are_stopped_from_outside() -> None:
    house = Record("worker-1")
    staff = Staff(house, [KIND])
    with pytest.raises(StaffError, match="no worker 'reducer' was started here"):
        staff.stop("reducer")
    with pytest.raises(StaffError, match="did you mean 'worker-1'"):
        staff.stop("worker1")
    assert house.retired == []


@pytest.fixture
def door() -> Iterator[Door]:
    one = Door(Staff(Record("worker-1"), [KIND]).answer)
    one.open()
    yield one
    one.close()


def ask(door: Door, question: dict[str, object]) -> dict[str, object]:
    return asyncio.run(ask_launcher(str(door.path), question))


def test_the_controller_asks_over_a_socket_that_is_the_users_alone(door: Door) -> None:
    assert stat.S_IMODE(door.path.parent.stat().st_mode) == 0o700
    assert ask(door, {"do": "start", "count": 1, "kind": 0}) == {"started": ["worker-2"]}
    listed = ask(door, {"do": "list"})
    assert listed["kinds"] == [{"class": "spectra:Worker", "tags": ["generic"]}]
    workers = listed["workers"]
    assert isinstance(workers, list)
    assert [one["name"] for one in workers] == ["worker-1", "worker-2"]
    assert ask(door, {"do": "stop", "name": "worker-2"}) == {"stopping": "worker-2"}


def test_a_refusal_is_told_with_its_sentence(door: Door) -> None:
    with pytest.raises(NoWorker, match="no worker 'nobody'"):
        ask(door, {"do": "stop", "name": "nobody"})
    with pytest.raises(NoLauncher, match="different versions"):
        ask(door, {"do": "dance"})


def test_where_nobody_listens_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(NoLauncher, match="not started by 'beamloom up'"):
        asyncio.run(ask_launcher("", {"do": "list"}))
    with pytest.raises(NoLauncher, match="does not answer"):
        asyncio.run(ask_launcher(str(tmp_path / "launcher"), {"do": "list"}))


def test_a_question_that_could_not_be_answered_leaves_the_door_open() -> None:
    problems = [RuntimeError("can't start new thread")]

    def answer(_: Mapping[str, object]) -> dict[str, object]:
        if problems:
            raise problems.pop()
        return {"started": ["worker-2"]}

    one = Door(answer)
    one.open()
    try:
        with pytest.raises(NoLauncher, match="can't start new thread"):
            ask(one, {"do": "list"})
        assert ask(one, {"do": "list"}) == {"started": ["worker-2"]}
    finally:
        one.close()


def test_a_closed_door_leaves_nothing_behind() -> None:
    one = Door(lambda _: {})
    one.open()
    folder = one.path.parent
    assert folder.exists()
    one.close()
    one.close()
    assert not folder.exists()


def test_a_door_is_closed_where_no_file_descriptors_are_left() -> None:
    one = Door(lambda _: {})
    one.open()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        one.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert not one._thread.is_alive()  # type: ignore[union-attr]


def test_a_pipeline_file_gives_a_kind_of_workers_for_each_group(tmp_path: Path) -> None:
    text = """
    streams: {camera: {device: generator, kind: images, shape: [4, 4], items: 3}}
    analysis: .
    workers:
      - {class: "spectra:Worker", count: 2}
      - {class: "spectra:Other", tags: [special]}
    reducer: {class: "spectra:Reducer"}
    """
    (tmp_path / "spectra.py").write_text("class Worker: ...\nclass Other: ...\nclass Reducer: ...\n")
    layout = layout_of(parse_pipeline(text, folder=tmp_path))
    assert [(kind.worker_class, kind.tags) for kind in layout.kinds] == [
        ("spectra:Worker", ("generic",)),
        ("spectra:Other", ("special",)),
    ]
    first = next(spec for spec in layout.processes if spec.name == "worker-1")
    again = layout.kinds[0].make("worker-9")
    assert [word.replace("worker-9", "worker-1") for word in again.argv] == list(first.argv)
    assert [spec.name for spec in layout.processes if spec.is_worker] == ["worker-1", "worker-2", "worker-3"]


@pytest.mark.processes
def test_a_worker_that_was_asked_to_leave_for_good_is_not_started_again() -> None:
    leaver = ProcessSpec("worker-1", (sys.executable, "-c", f"raise SystemExit({RETIRED})"), is_worker=True)
    with LocalPlacement(Layout(title="one", processes=(leaver,)), quiet=True) as up:
        up.wait_until(lambda all_: not all_, 20)
    assert up.status() == []


@pytest.mark.processes
def test_a_placement_keeps_more_workers_alive_and_forgets_those_that_were_stopped() -> None:
    layout = Layout(title="sleepers", processes=(sleeper("worker-1"),), kinds=(KIND,))
    with LocalPlacement(layout, quiet=True) as up:
        staff = Staff(up, layout.kinds)
        assert staff.start(1, 0) == ["worker-2"]
        up.wait_until(lambda all_: len([one for one in all_.values() if one.pid]) == 2, 20)
        pid = up.kill("worker-2")
        up.wait_until(lambda all_: all_["worker-2"].pid not in (None, pid), 20)
        staff.stop("worker-1")
        up.wait_until(lambda all_: set(all_) == {"worker-2"}, 20)
    assert [one.pid for one in up.status()] == [None]
