"""What a reducer class hands over as its state may need pickle: it is on the disk of this process, and was never on a socket."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from beamloom.services.reducer.safekeeping import Safekeeping
from beamloom.services.reducer.states import decode_state, encode_state
from beamloom.settings import ReducerSettings
from beamloom.transport.codec import UndecodableResult, decode
from beamloom.triggermap import uniform
from services.bench import Bench, counts, series
from services.reducer.test_reducer_deaths import Ordered, undisturbed
from services.reducer_lives import EVENTS, FRAMES, Slow, pipeline


class Dice(Ordered):
    """Has a random generator in its state, which nothing but pickle can write."""

    def __init__(self) -> None:
        super().__init__()
        self.random = random.Random(1)

    def checkpoint(self) -> dict[str, Any]:
        return {"publish": self.publish, "random": self.random}

    def restore(self, state: dict[str, Any]) -> None:
        assert type(state["random"]) is random.Random
        assert state["random"].getstate() == self.random.getstate()
        self.publish = {**state["publish"], "restored": True}


def test_a_state_that_needs_pickle_is_gone_on_with_though_results_may_not_be_pickled(tmp_path: Path) -> None:
    with pipeline(tmp_path / "journals", reducer=Dice, checkpoint_interval=0.02, allow_pickle=False) as one:
        active = one.bench.arm(uniform(["eiger"], FRAMES))
        one.until(lambda: any(tmp_path.rglob("*.state")) and one.bench.reduced() > 3)
        one.kill()
        one.until(lambda: active.finished)
        one.until(lambda: one.bench.published.get("finished") == 1)
        assert counts(active) == (EVENTS, 0, 0)
        assert one.bench.published == {**undisturbed(), "restored": True}


def test_what_is_written_as_a_state_is_no_result() -> None:
    state = encode_state(random.Random(1)).detached()
    with pytest.raises(UndecodableResult, match="not allowed here"):
        decode(state.head, state.buffers)
    assert (
        decode_state(state.head, [bytes(one) for one in state.buffers], ()).getstate()
        == random.Random(1).getstate()
    )


def test_a_folder_that_everybody_may_write_is_not_taken_up_and_that_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "journals"
    folder.mkdir()
    folder.chmod(0o777)
    with Bench({"eiger": Slow(series(FRAMES))}, reducer=None) as bench:
        journal = Safekeeping(folder, ReducerSettings(), threaded=False)
        bench.add_reducer(Ordered, journal)
        bench.until(bench.everyone_known)
        assert counts(bench.play(uniform(["eiger"], FRAMES))) == (EVENTS, 0, 0)
        assert "name a folder of your own as state_dir" in (journal.alarm or "")
    assert list(folder.iterdir()) == []
