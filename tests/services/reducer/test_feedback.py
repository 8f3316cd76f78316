"""How feedback comes from user code to the controller: who may say what when, what counts, and what a next life makes of it."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom import FeedbackError, GiveFeedback, Result
from beamloom.analysis import ReducerAnalysis
from beamloom.engine.feedback import MOST_KEPT, Feedback, FeedbackLog, Spoken, Untold, words_of
from beamloom.transport.channel import Received
from beamloom.transport.messages import Said
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, Gathering, frame, series, start
from services.reducer_lives import Slow, pipeline
from support.patience import PATIENCE

FRAMES = 10


def pieces(bench: Bench) -> list[tuple[int, str, Any]]:
    """What the controller has: number, kind, payload."""
    return [
        (one.number, one.kind, msgspec.json.decode(one.payload)) for one in bench.active.feedback.since(0)
    ]


class Counting(Gathering):
    """Says how many there are with each result."""

    feedback: GiveFeedback

    def process_result(self, result: Result) -> None:
        super().process_result(result)
        self.feedback("count", self.publish["count"])


# ---- what user code may say ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("say", "words"),
    [
        (lambda feedback: feedback(""), "it is a name such as 'stop'"),
        (lambda feedback: feedback("two words"), "it is a name such as 'stop'"),
        (lambda feedback: feedback(3), "the kind of feedback is 3"),
        (lambda feedback: feedback("stop", "why", reason="why"), "both a payload and values by name"),
        (lambda feedback: feedback("stop", object()), "JSON cannot hold"),
        (lambda feedback: feedback("image", bytes(1 << 20)), "publish what is large"),
    ],
)
def test_what_cannot_be_said_so_is_refused_with_how_it_can(say: Any, words: str) -> None:
    with pytest.raises(FeedbackError, match=words):
        say(GiveFeedback())


def test_nothing_can_be_said_outside_of_hooks_or_in_another_thread() -> None:
    feedback = GiveFeedback()
    feedback.watch()
    with pytest.raises(FeedbackError, match="outside of a hook"):
        feedback("stop")
    feedback.open(7)
    feedback("stop")
    refused: list[BaseException] = []

    def elsewhere() -> None:
        try:
            feedback("stop")
        except FeedbackError as error:
            refused.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(PATIENCE)
    assert "no thread of your own" in str(refused[0])
    assert [(one.kind, one.event) for one in feedback.take()] == [("stop", 7)]


def test_a_class_keeps_what_it_has_under_that_name_and_a_copy_says_nothing() -> None:
    class Own(Gathering):
        def feedback(self, text: str) -> str:
            return text.upper()

    own = ReducerAnalysis(Own)
    own.start({}, {})  # type: ignore[arg-type]
    assert own.instance.feedback("mine") == "MINE"
    said = ReducerAnalysis(Counting)
    said.start({}, {})  # type: ignore[arg-type]
    for other in (copy.deepcopy(said.instance), pickle.loads(pickle.dumps(said.instance))):
        other.feedback("lost")
    assert said.feedback.said == []


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (None, ""),
        ("three are\n enough", "three are enough"),
        ({"reason": "done", "rate": 0.25}, "done (rate=0.25)"),
        ({"x": 1.5, "y": [1, 2]}, "x=1.5, y=[1,2]"),
        ([1, None], "[1,null]"),
        ("a" * 1000, "a" * 300 + "..."),
    ],
)
def test_a_payload_is_shown_in_one_line(payload: Any, words: str) -> None:
    assert words_of(payload) == words


# ---- exactly once and in order --------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.booleans(), st.booleans()), max_size=60))
def test_whatever_gets_lost_or_comes_twice_all_is_taken_once_and_in_order(
    steps: list[tuple[int, bool, bool, bool]],
) -> None:
    untold, log = Untold(), FeedbackLog()
    told = count = 0
    taken: list[int] = []
    for new, arrives, answered, again in [*steps, (0, True, True, True)]:
        for _ in range(new):
            count += 1
            untold.ready(untold.add(Spoken("count", b"%d" % count, 0.0, None), "reducer").number)
        message = untold.to_tell(untold.acknowledged if again else told)
        told = message[-1].number if message else told
        if arrives:
            taken += [int(one.payload) for one in log.take(untold.acknowledged, message)]
            if answered:
                untold.heard(log.last)
    assert taken == list(range(1, count + 1))
    assert len(untold) == 0


def test_a_log_forgets_the_oldest_and_says_so() -> None:
    log = FeedbackLog()
    log.take(0, [Feedback(n, "count", b"1", n, "reducer", 0.0) for n in range(1, MOST_KEPT + 11)])
    assert (log.last, log.forgotten) == (MOST_KEPT + 10, 10)
    assert [one.number for one in log.since(0)][:2] == [11, 12]
    assert [one.number for one in log.since(MOST_KEPT + 8)] == [MOST_KEPT + 9, MOST_KEPT + 10]
    assert log.since(MOST_KEPT + 10) == []
    assert FeedbackLog(log.state).since(0) == log.since(0)
    # One that has lost its state goes on behind what the reducer has not any more.
    other = FeedbackLog()
    assert [one.number for one in other.take(5, [Feedback(6, "count", b"1", 6, "reducer", 0.0)])] == [6]
    assert (other.last, other.forgotten) == (6, 5)


def test_what_gets_lost_on_the_way_is_told_again() -> None:
    with Bench({"eiger": Slow(series(FRAMES))}, reducer=Counting) as bench:
        lost: list[Said] = []

        def lose_some(name: str, received: Received) -> bool:
            if isinstance(received.message, Said) and len(lost) < 4:
                lost.append(received.message)
                return False
            return True

        bench.tap = lose_some
        bench.play(uniform(["eiger"], FRAMES))
        bench.until(lambda: len(pieces(bench)) == bench.published["count"])
        assert len(lost) == 4
        assert pieces(bench) == [(n, "count", n) for n in range(1, bench.published["count"] + 1)]


def test_only_the_reducer_of_the_run_is_listened_to() -> None:
    with Bench({"eiger": Feed([start()])}, reducer=Counting) as bench:
        active = bench.arm(uniform(["eiger"], FRAMES))
        bench.until(lambda: bench.reduced() == 1)
        number = active.feedback.last
        word = Said(active.run.run_id, 0, [Feedback(number + 1, "stop", b"null", None, "me", 0.0)])
        worker = bench.member("worker-1").peer
        for sender in (worker, "reducer@former"):
            bench.controller.receive(Received(sender, word, ()), bench.now)
        of_another = msgspec.structs.replace(word, run="another run")
        bench.controller.receive(Received(bench.member("reducer").peer, of_another, ()), bench.now)
        bench.steps(5)
        assert (active.feedback.last, active.run.stop_cause) == (number, None)


class Capricious(Gathering):
    """Decides as no journal can repeat: once in its life, with its third result, or with its first where it has lived before."""

    feedback: GiveFeedback
    lives = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).lives += 1
        self.when = 3 if self.lives == 1 else 1

    def process_result(self, result: Result) -> None:
        super().process_result(result)
        if self.publish["count"] == self.when:
            self.feedback("quality_reached", self.lives)


def test_what_was_said_stays_true_though_the_class_would_decide_otherwise_today(tmp_path: Path) -> None:
    Capricious.lives = 0
    feed = Feed([start()])
    with pipeline(tmp_path, feed, reducer=Capricious) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.bench.until(lambda: one.bench.reduced() == 1)
        feed.send(frame(number) for number in range(1, 5))
        one.bench.until(lambda: one.bench.reduced() == 5)
        assert pieces(one.bench) == [(1, "quality_reached", 1)]
        one.kill()
        one.begin_life()
        feed.send(series(FRAMES)[5:])
        one.bench.until(lambda: active.finished)
        assert Capricious.lives > 1
        assert pieces(one.bench) == [(1, "quality_reached", 1)]
