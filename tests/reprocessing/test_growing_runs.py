"""A run that goes on is reduced again from event 0 while its recording grows, to the same result as when it is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from beamloom.errors import UserError
from beamloom.recordings import (
    KeptAnalysis,
    Record,
    RecordedEpoch,
    RecordingNames,
    RecordingWriter,
    write_analysis,
    write_epochs,
    write_mapping,
)
from beamloom.recordings.folder import write_ended
from beamloom.replay import Audience, Standing, replay
from beamloom.reprocessing import Again, Wish, following, recorded_at
from beamloom.reprocessing.following import BEHIND, Follower, Superseded, made_ready
from beamloom.triggermap import Repeat, TriggerMap, uniform
from replay.material import RUN, packet
from reprocessing.test_results_made_again import HERE, Scaled, Table

EVENTS = 30
STREAMS = ("a", "b")


class Growing:
    """A run that is recorded little by little, each stream in a file of its own."""

    def __init__(self, folder: Path, trigger_map: TriggerMap) -> None:
        self.names = RecordingNames(f"{folder}/", RUN)
        write_mapping(self.names, trigger_map.encode())
        write_analysis(self.names, KeptAnalysis([HERE[0]], HERE[1], str(Path(__file__).parent.parent)))
        write_epochs(self.names, [RecordedEpoch(1, 0, {"factor": b"3"})])
        self.writers = {
            stream: RecordingWriter(self.names.packets(f"{stream}-ingester")) for stream in STREAMS
        }

    def grow(self, events: Sequence[int], streams: Sequence[str] = STREAMS) -> None:
        for stream in streams:
            for event in events:
                self.writers[stream].write(Record(event, {stream: packet(event)}))
            self.writers[stream].flush()

    def end(self) -> None:
        for writer in self.writers.values():
            writer.close()
        write_ended(self.names)

    @property
    def files(self) -> list[Path]:
        return [writer.path for writer in self.writers.values()]


class Script(Audience):
    """Does one thing after the other, each when so many events are settled."""

    def __init__(self, *acts: tuple[int, Callable[[], None]]) -> None:
        self.acts = list(acts)
        self.seen: list[int] = []

    def stands(self, standing: Standing) -> None:
        if self.acts and standing.settled >= self.acts[0][0]:
            self.seen.append(len(standing.publish["table"]))
            self.acts.pop(0)[1]()


def open_map() -> TriggerMap:
    one = uniform(STREAMS, 1, all_wrap=False)
    return TriggerMap(one.parts, [Repeat("main", None)], all_wrap=False)


@pytest.mark.parametrize("trigger_map", [uniform(STREAMS, EVENTS, all_wrap=False), open_map()])
def test_the_result_is_that_of_a_replay_of_all_events_once_the_run_is_over(
    tmp_path: Path, trigger_map: TriggerMap
) -> None:
    run = Growing(tmp_path, trigger_map)
    run.grow(range(4))
    again = Again(recorded_at(tmp_path), Wish({"factor": b"5"}), live=True)
    script = Script(
        (4, lambda: run.grow(range(4, 20), ["b"])),
        (4, lambda: run.grow(range(4, 11), ["a"])),
        (11, lambda: run.grow(range(11, EVENTS), ["a"])),
        (20, lambda: run.grow(range(20, EVENTS), ["b"])),
        (EVENTS, run.end),
    )
    if trigger_map.total_events is not None:
        script.acts[-1] = (20, run.end)
    report = again.run(script)
    assert script.acts == []
    assert script.seen[:4] == [4, 4, 11, 20]
    oracle = replay(Scaled, Table, run.files, parameters={"factor": b"5"})
    assert report.publish == oracle.publish
    assert report.counts == oracle.counts
    assert report.coverage.complete


class Reducer:
    """In the place of a pipeline: how far its run is, its parameters, and what it was handed."""

    def __init__(self) -> None:
        self.completed = 0
        self.values: dict[str, Any] = {"factor": 5}
        self.handed: list[tuple[dict[int, int], bool]] = []
        self.controller = self

    def get(self, path: str, kind: type) -> Any:
        if path.startswith("/api/v1/epochs"):
            return {"values": dict(self.values)}
        return {"run": RUN, "completed_events": self.completed}

    def tell(self, told: object, *, now: bool = False) -> None: ...

    def hand_in(self, record: Any, publish: Any, *, instead: str | None = None, last: bool = True) -> str:
        assert (record.again_of, instead) == (RUN, RUN)
        self.handed.append((dict(publish["table"]), last))
        return "there"


def test_it_is_shown_once_it_is_where_the_live_run_was_a_moment_ago(tmp_path: Path) -> None:
    run = Growing(tmp_path, uniform(STREAMS, EVENTS, all_wrap=False))
    run.grow(range(EVENTS))
    run.end()
    pipeline, now, said = Reducer(), [0.0], list[str]()
    again = Again(recorded_at(tmp_path), Wish({"factor": b"5"}))
    follower = Follower(again, pipeline, said.append, lambda: now[0])  # type: ignore[arg-type]

    class At(Audience):
        """The live run is at 20, 20 and 25 events, some seconds later each time."""

        def stands(self, standing: Standing) -> None:
            pipeline.completed = 20 if standing.settled < 20 else 25
            now[0] += BEHIND / 2
            follower.stands(standing)
            if standing.settled < 20:
                assert pipeline.handed == []

    again.run(At())
    assert follower.shown
    assert len(said) == 1
    assert all(set(table) >= set(range(20)) for table, _ in pipeline.handed)
    assert not any(last for _, last in pipeline.handed)


def test_parameters_that_change_once_more_end_it(tmp_path: Path) -> None:
    run = Growing(tmp_path, uniform(STREAMS, EVENTS, all_wrap=False))
    run.grow(range(EVENTS))
    run.end()
    pipeline = Reducer()
    again = Again(recorded_at(tmp_path), Wish({"factor": b"5"}))
    follower = Follower(again, pipeline)  # type: ignore[arg-type]
    pipeline.values["factor"] = 6
    with pytest.raises(Superseded, match="changed again"):
        again.run(follower)
    assert pipeline.handed == []


def test_a_run_of_which_a_stream_is_not_recorded_is_waited_for_and_then_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Growing(tmp_path, uniform(STREAMS, EVENTS, all_wrap=False))
    run.grow(range(4), ["a"])
    monkeypatch.setattr(following, "FIRST_PACKETS_SECONDS", 0.0)
    with pytest.raises(UserError, match="no packet of stream b"):
        made_ready(recorded_at(tmp_path), Wish())
    run.grow(range(4), ["b"])
    assert made_ready(recorded_at(tmp_path), Wish()).total == EVENTS
    run.end()
