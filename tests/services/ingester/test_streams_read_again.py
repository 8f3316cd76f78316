"""An ingester that reads files, or makes its packets, dies at any moment: the next one reads what is still needed, and nothing is lost.

``BEAMLOOM_DEEP=1`` kills it after each message (see ``moments``).
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from beamloom.engine.streams.streamplan import StreamPlan, items_before
from beamloom.events import Bearing, Malformed, Packet, PacketKind
from beamloom.services.ingester.service import IngesterService
from beamloom.settings import ControllerSettings
from beamloom.triggermap import TriggerMap, open_ended, uniform
from services.bench import Bench, Feed, counts, frame
from services.ingester.test_ingester_deaths import FRAMES, MAPS, SOON, check
from services.moments import Moments, at_moments
from services.worker.test_stateful_classes import EVENTS, RunningSum, expected, the_map, without_ends
from services.worker.test_stateful_with_faults import Mishap

STRIDE = 1 if os.environ.get("BEAMLOOM_DEEP") else 3
UNREADABLE, MISSING = 9, 17


def pages(frames: int, *, flaws: bool = False) -> list[Packet | Malformed]:
    """What is in a file: its start has no number, and one frame cannot be read and one is not there where it has ``flaws``."""
    start: list[Packet | Malformed] = [Packet("test", [b"0"], None, PacketKind.START)]
    data: list[Packet | Malformed] = [frame(number) for number in range(1, frames + 1)]
    if flaws:
        data[UNREADABLE - 1] = Malformed("the disk has a hole there", [b""])
        del data[MISSING - 1]
    return [*start, *data, Packet("test", [b"%d" % (frames + 1)], frames + 1, PacketKind.END)]


class Book(Feed):
    """A reader of a file, which is given a few pages at a time."""

    def __init__(self, content: list[Packet | Malformed]) -> None:
        super().__init__(content)
        self.first = 0
        self._begun = False

    @property
    def bearing(self) -> Bearing | None:
        return {"pages": len(self.arrivals)} if self._begun else None

    def reread(self, bearing: Bearing | None, first: int) -> None:
        self.first = first
        numbers = [page.number or 0 if isinstance(page, Packet) else UNREADABLE for page in self.arrivals]
        wanted = [number == 0 or number >= first for number in numbers]
        self.arrivals = deque(page for page, keep in zip(self.arrivals, wanted, strict=True) if keep)

    def read(self, limit: int) -> list[Packet | Malformed]:
        given = super().read(min(limit, 3))
        self._begun = self._begun or bool(given)
        return given


def played(
    trigger_map: TriggerMap, content: list[Packet | Malformed], kills: set[int], **settings: Any
) -> tuple[int, Bench, list[int]]:
    """Play a run; the reader of stream a is killed after so many messages to it or from it."""
    bench = Bench({"b": Book(pages(FRAMES))}, settings=SOON)
    bench.add_ingester("a", Book(list(content)), **settings)
    bench.until(bench.everyone_known)
    bench.arm(trigger_map)
    firsts: list[int] = []
    left = sorted(kills)
    mishap = Mishap(bench, "a-ingester", left[0] if left else 1 << 30)
    back_at: int | None = None
    book: Book | None = None
    for step in range(20_000):
        if mishap.due and left:
            bury(bench, "a-ingester")
            seen, after = mishap.seen, left.pop(0)
            mishap = Mishap(bench, "a-ingester", left[0] if left else 1 << 30)
            mishap.seen = seen
            back_at = step + 1 + after % 7
        if step == back_at:
            book = Book(list(content))
            bench.add_ingester("a", book, **settings)
            back_at = None
        if bench.active.finished:
            firsts += [] if book is None else [book.first]
            return mishap.seen, bench, firsts
        bench.step()
    run = bench.active.run
    raise AssertionError(f"killed after {kills}: the run does not end: {run.ledger.counts()}")


def bury(bench: Bench, name: str) -> None:
    """Kill an ingester without closing anything; the system lets go of its locks."""
    service = bench.services[name]
    assert isinstance(service, IngesterService)
    lock = service._spooling._lock
    bench.kill(name)
    if lock is not None:
        lock.release()


def results_of(trigger_map: TriggerMap, content: list[Packet | Malformed]) -> tuple[int, dict[int, Any], int]:
    total, bench, _ = played(trigger_map, content, set())
    lost = check(bench, dict(bench.published["results"]) | dict.fromkeys(lost_events(bench)), "stream 'a'")
    found = dict(bench.published["results"])
    bench.close()
    return total, found, lost


def lost_events(bench: Bench) -> set[int]:
    return {event for first, stop in bench.active.run.ledger.lost for event in range(first, stop)}


@at_moments
@pytest.mark.parametrize("written_ahead", [False, True])
@pytest.mark.parametrize("flaws", [False, True])
@pytest.mark.parametrize("name", sorted(MAPS))
def test_nothing_of_a_file_is_lost_with_its_reader(
    name: str, flaws: bool, written_ahead: bool, moments: Moments, tmp_path: Path
) -> None:
    content = pages(FRAMES, flaws=flaws)
    total, results, lost = results_of(MAPS[name](), content)
    assert lost == 2 * flaws
    later = 0
    for after in moments(1, total, 3):
        settings = {"write_ahead": True, "state_dir": str(tmp_path / str(after))} if written_ahead else {}
        _, bench, firsts = played(MAPS[name](), content, {after, after + total // 3}, **settings)
        found = dict(bench.published["results"])
        assert found == results, f"killed after {after} messages: {bench.active.run.ledger.losses}"
        assert counts(bench.active) == (len(results), 0, lost)
        assert bench.services["reducer"].figures()["duplicates"] == 0  # type: ignore[attr-defined]
        later += any(first > 1 for first in firsts)
        bench.close()
    # What is settled is not read again.
    assert later


@pytest.mark.parametrize("after", range(1, 60, STRIDE))
def test_constraints_with_a_state_are_worked_through_again_with_what_is_read_again(after: int) -> None:
    settings = ControllerSettings(ingester_timeout=1.5)
    with Bench({"eiger": Book(pages(EVENTS))}, RunningSum, settings=settings) as bench:
        mishap = Mishap(bench, "eiger-ingester", after)
        active = bench.arm(the_map())
        bench.until(lambda: mishap.due or active.finished)
        bench.kill("eiger-ingester")
        bench.add_ingester("eiger", Book(pages(EVENTS)))
        bench.steps(after % 5)
        bench.kill("worker-1")
        bench.add_worker("worker-3")
        bench.until(lambda: active.finished)
        assert counts(active) == (EVENTS + 2, 0, 0)
        assert without_ends(bench.published["results"]) == without_ends(expected(frozenset()))


def test_a_stream_that_was_closed_at_an_end_of_its_own_is_read_to_there() -> None:
    whole = Bench({"a": Book(pages(FRAMES)), "b": Book(pages(9))}, settings=SOON)
    whole.play(open_ended(["a", "b"]))
    results = dict(whole.published["results"])
    whole.close()
    with Bench({"a": Book(pages(FRAMES)), "b": Book(pages(9))}, settings=SOON) as bench:
        active = bench.arm(open_ended(["a", "b"]))
        bench.still |= {"worker-1", "worker-2"}
        bench.until(lambda: active.run.ledger.total is not None)
        bench.kill("a-ingester")
        bench.until(lambda: bool(active.run.succession.vacant))
        bench.add_ingester("a", Book(pages(FRAMES)))
        bench.steps(5)
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert dict(bench.published["results"]) == results


def test_the_packets_before_an_event_are_those_of_the_plan() -> None:
    cells = [[{"constraint": event}] if event % 3 else None for event in range(7)]
    written = {"main": {"a": cells, "b": [[{"constraint": 0}]] * 7}}
    trigger_map = TriggerMap.from_json({"parts": written, "sequence": [{"part": "main", "repeat": 4}]})
    with Bench({"a": Feed(), "b": Feed()}) as bench:
        layout = bench.arm(trigger_map).run.layouts["a"]
    plan = StreamPlan(layout)
    assert plan.last_item is not None
    events = [plan.take(item)[0].first for item in range(1, plan.last_item + 2)]
    for event in range(events[-1] + 2):
        assert items_before(layout, event) == sum(one < event for one in events), event


def test_packets_that_waited_on_disk_for_a_missing_one_do_not_come_before_those_that_are_read_again(
    tmp_path: Path,
) -> None:
    content = pages(FRAMES, flaws=True)
    settings: dict[str, Any] = {"write_ahead": True, "state_dir": str(tmp_path), "reorder_wait": 1.0}
    with Bench({}, settings=SOON) as bench:
        bench.add_ingester("a", Book(list(content)), **settings)
        bench.until(bench.everyone_known)
        active = bench.arm(uniform(["a"], FRAMES))
        bench.still |= {"worker-1", "worker-2"}
        bench.until(lambda: bench.services["a-ingester"].holding)  # type: ignore[attr-defined]
        bury(bench, "a-ingester")
        bench.add_ingester("a", Book(list(content)), **settings)
        bench.steps(20)
        bench.still.clear()
        bench.until(lambda: active.finished)
        assert counts(active) == (FRAMES, 0, 2)
        assert active.run.ledger.losses[-1].first == MISSING
