"""What became of events is told once, however often a client looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import requests
from hypothesis import given
from hypothesis import strategies as st

from beamloom.control.views.event_stream import Account, Mark, Told, account_of
from beamloom.engine.accounts.coverage import Coverage
from beamloom.engine.accounts.faults import Failure
from beamloom.engine.accounts.ledger import Ledger
from beamloom.engine.provenance import EpochRecord
from beamloom.engine.ranges import RangeSet
from beamloom.engine.runs.run import Run, RunSettings
from beamloom.engine.views.digest import Digest
from beamloom.triggermap import TriggerMap, uniform
from control.live import Live, simple_map
from services.bench import series
from support.patience import PATIENCE

EVENTS = 60
CAUSES = ("a gap", "the end")


@dataclass
class Record:
    """A run as the controller keeps it."""

    run: Run
    written: TriggerMap
    started_at: float = 0.0
    finished_at: float | None = None
    epochs: tuple[EpochRecord, ...] = ()
    record_prefix: str = ""

    @property
    def finished(self) -> bool:
        return self.finished_at is not None

    @property
    def digest(self) -> Digest:
        return Digest.of(self.run, self.written)

    @property
    def coverage(self) -> Coverage:
        return Coverage.of(self.run.run_id, self.run.ledger, over=self.finished)


def record() -> Record:
    trigger_map = uniform(["eiger"], EVENTS, all_wrap=False)
    return Record(Run("a run", trigger_map, RunSettings(), 0.0), trigger_map)


def told(news: dict[str, Any]) -> dict[str, list[int]]:
    """The events of a message, by what became of them and why."""
    ranges = [("reduced", pair) for pair in news["reduced"]]
    ranges += [(f"failed: {one['message']}", one["events"]) for one in news["failed"]]
    ranges += [(f"lost: {one['cause']}", one["events"]) for one in news["lost"]]
    events: dict[str, list[int]] = {}
    for what, (first, last) in ranges:
        events.setdefault(what, []).extend(range(first, last + 1))
    return events


def settle(of: Record, what: str, first: int, stop: int) -> dict[int, str]:
    """Settle events in the run; returns what became of those that were not settled before."""
    ledger: Ledger = of.run.ledger
    if what == "reduced":
        fresh = ledger.reduce(first, stop)
    elif what in CAUSES:
        fresh = ledger.lose(first, stop, what)
        what = f"lost: {what}"
    else:
        fresh = ledger.fail(first, stop)
        for begin, end in fresh:
            for event in range(begin, end):
                of.run.faults.add(Failure("process_event", what, what), "worker", event)
        what = f"failed: {what}"
    return {event: what for begin, end in fresh for event in range(begin, end)}


STEPS = st.lists(
    st.one_of(
        st.none(),
        st.tuples(
            st.sampled_from(["reduced", *CAUSES, "ValueError", "KeyError"]),
            st.integers(0, EVENTS - 1),
            st.integers(1, 20),
        ),
    ),
    max_size=40,
)


@given(steps=STEPS)
def test_each_event_is_told_once_with_what_became_of_it(steps: list[tuple[str, int, int] | None]) -> None:
    of, client, mark = record(), Told(), Mark()
    truth: dict[int, str] = {}
    heard: list[tuple[int, str]] = []
    for step in [*steps, None]:
        if step is not None:
            what, first, length = step
            truth |= settle(of, what, first, min(first + length, EVENTS))
            continue
        mark, account = account_of(of, mark)
        if account is not None:
            heard += [
                (event, what) for what, events in told(client.news(account)).items() for event in events
            ]
    assert sorted(heard) == sorted(truth.items())


EVENT_SETS = st.sets(st.integers(0, 30))


def columns(events: set[int]) -> tuple[list[int], list[int]]:
    return RangeSet((event, event + 1) for event in events).columns()


@given(looks=st.lists(st.tuples(EVENT_SETS, EVENT_SETS)))
def test_what_turns_out_to_be_another_thing_is_told_again(looks: list[tuple[set[int], set[int]]]) -> None:
    client = Told()
    before: tuple[set[int], set[int]] = (set(), set())
    for reduced, lost in looks:
        causes = [(event, event + 1, "a gap") for event in range(31)]
        account = Account(
            "a run", "running", False, 31, columns(reduced), ([], []), columns(lost), causes, []
        )
        heard = told(client.news(account))
        assert set(heard.get("reduced", [])) == reduced - before[0]
        assert set(heard.get("lost: a gap", [])) == lost - before[1]
        before = (reduced, lost)


def test_nothing_is_copied_while_nothing_is_new() -> None:
    of = record()
    mark, account = account_of(of, Mark())
    assert isinstance(account, Account)
    assert account_of(of, mark) == (mark, None)
    of.run.ledger.reduce(3, 4)
    assert account_of(of, mark)[1] is not None
    assert account_of(None, Mark())[1] is not None


def test_a_new_run_begins_anew() -> None:
    client = Told()
    for name in ("first", "second"):
        of = record()
        of.run.run_id = name
        of.run.ledger.reduce(0, 5)
        _, account = account_of(of, Mark())
        assert account is not None
        news = client.news(account)
        assert (news["run"], news["reduced"]) == (name, [[0, 4]])


def test_a_client_that_stays_sees_a_run_from_its_arming_to_its_end() -> None:
    with Live() as live, requests.get(live.url("events"), stream=True, timeout=PATIENCE) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        messages = (
            msgspec.json.decode(line.removeprefix(b"data: "))
            for line in answer.iter_lines()
            if line.startswith(b"data: ")
        )
        assert next(messages)["phase"] == "idle"
        packets = series(10)
        del packets[7]
        live.feeds["eiger"].send(packets)
        run = live.arm(simple_map(10))
        of_run = []
        for message in messages:
            of_run.append(message)
            if message["finished"]:
                break
        assert {message["run"] for message in of_run} == {run}
        events = [event for message in of_run for some in told(message).values() for event in some]
        assert sorted(events) == list(range(12))
        (loss,) = [loss for message in of_run for loss in message["lost"]]
        assert loss["events"] == [7, 7]
        assert "eiger" in loss["cause"]
