"""Whatever results come, in whatever order, once or often, from whomever: leaves take what one reducer takes, and it comes to the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamloom.analysis import ReducerAnalysis
from beamloom.engine.accounts.reducers_account import ResultAccount
from beamloom.events import Result
from beamloom.results.types import Sum
from beamloom.services.reducer.deciding import Deciding
from beamloom.services.reducer.keeping import Keeping
from beamloom.services.reducer.last_words import LastWords
from beamloom.services.reducer.leaves.split_reducing import reducing_with
from beamloom.services.reducer.reducing import Reducing
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.shell.epochs import Epochs
from beamloom.settings import ReducerSettings
from beamloom.transport.codec import Encoder
from beamloom.transport.messages import Arm, Failed, Results
from services.leaves_here import LeafHere

EVENTS = 24


class Adding:
    """A reducer class that fails at some results, and says something at others."""

    feedback: Any

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {"all": Sum(), "by_event": {}}

    def process_result(self, result: Result) -> None:
        event = result.event_number
        if event % 7 == 3:
            raise ValueError("planted")
        if event % 5 == 0:
            self.feedback("seen", event=event)
        self.publish["all"].merge(result.payload)
        self.publish["by_event"].setdefault(event, Sum()).add(event, 1)


class Sent(NamedTuple):
    worker: str
    results: Results
    buffers: list[bytes]


@st.composite
def sent(draw: st.DrawFn) -> Sent:
    """A batch; its events may have come before, even in the same batch, alone or merged with others."""
    spans, heads, combined = [], [], []
    merges = draw(st.booleans())
    for _ in range(draw(st.integers(1, 3))):
        slot, first = draw(st.integers(0, 1)), draw(st.integers(0, EVENTS - 1))
        stop = draw(st.integers(first + 1, min(EVENTS, first + 4)))
        spans.append((slot, 0, first, stop))
        for event in range(first, stop):
            ranges = [(max(0, event - 2), event + 1)] if merges and draw(st.booleans()) else []
            combined.append(ranges)
            held = [one for a, b in ranges or [(event, event + 1)] for one in range(a, b)]
            payload = Sum()
            for one in held:
                payload.add(one, 1 << one)
            heads.append(Encoder().encode(payload).head)
    worker = draw(st.sampled_from(["worker-1@1", "worker-2@2"]))
    results = Results("run", 1, spans, [len(head) for head in heads], [], combined if merges else [])
    return Sent(worker, results, [b"".join(heads)])


class Pipe:
    """A reducer alone, and what it tells."""

    def __init__(self, leaves: Sequence[LeafHere] = ()) -> None:
        self.failed: list[Failed] = []
        self.said: list[tuple[str, int | None]] = []
        self.told: list[list[tuple[str, int, int, int]]] = []
        analysis, ours = ReducerAnalysis(Adding), ReducerSettings()
        self.deciding = Deciding(analysis, "reducer", lambda said: None)
        self.reducing: Reducing = reducing_with(
            leaves,
            ours,
            "reducer@1",
            analysis,
            Epochs([]),
            Keeping(SnapshotDesk(lambda: None)),
            self.failed.append,
            LastWords(),
            None,
            self.deciding,
        )
        arm = Arm("run", ("reducer@1", ""), {}, {}, 0, {}, EVENTS, 1.0)
        assert self.reducing.begin(arm, 0.0) is None
        self.reducing.account = ResultAccount("run", EVENTS)

    def give(self, one: Sent) -> None:
        self.reducing.give(one.worker, one.results, one.buffers, self._heard)

    def _heard(self, told: Sequence[tuple[str, int, int, int]]) -> None:
        self.told.append(_merged(told))
        self.said += [(said.kind, said.event) for said, _ in self.deciding.take_new()]

    def outcome(self) -> dict[str, Any]:
        published = self.reducing.published
        assert published is not None
        tree = published.publish
        coverage = self.reducing.account.coverage
        return {
            "told": self.told,
            "failed": sorted(
                (one.worker, one.slot, one.event or 0, one.failure.error, one.combined) for one in self.failed
            ),
            "taken": self.reducing.collector.taken,
            "duplicates": self.reducing.collector.duplicates,
            "processed": self.reducing.processed,
            "coverage": (list(coverage.reduced), list(coverage.failed)),
            "all": (int(tree["all"].value), tree["all"].snapshot()["count"], list(tree["all"].coverage)),
            "by_event": {event: int(one.value) for event, one in sorted(tree["by_event"].items())},
            "said": self.said,
        }


def _merged(told: Sequence[tuple[str, int, int, int]]) -> list[tuple[str, int, int, int]]:
    """Deliveries one by one: where a batch was cut, ranges are."""
    return sorted({(w, slot, event, event + 1) for w, slot, a, b in told for event in range(a, b)})


@pytest.mark.expects_errors
@settings(max_examples=40)
@given(st.lists(sent(), max_size=8), st.lists(st.integers(0, 3), max_size=30), st.sampled_from([2, 3]))
def test_leaves_take_what_one_reducer_takes(batches: list[Sent], turns: list[int], leaves: int) -> None:
    one, split = Pipe(), Pipe([LeafHere(Adding, f"leaf-{number}") for number in range(leaves)])
    pace = iter(turns)
    for number, batch in enumerate(batches):
        for each in (one, split):
            if number % 4 == 3:
                each.reducing.drain()
                each.reducing.collector.fence("worker-1@1")
            each.give(batch)
        for _ in range(next(pace, 0)):
            split.reducing.turn()
        if next(pace, 0) == 3:
            # A reader comes in between.
            published = split.reducing.published
            assert published is not None
            assert published.publish.keys() == {"all", "by_event"}
    split.reducing.drain()
    assert split.outcome() == one.outcome()
