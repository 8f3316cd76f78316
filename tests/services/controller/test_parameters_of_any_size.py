"""Numbers that no message and no store has room for are shown as text, and a run with them is a run like others."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamloom.parameters import IntParameter, ParameterSet, readable
from beamloom.services.controller.statekeeping import StateKeeper
from beamloom.store import Scribe, SqliteStore
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, counts, series

BARCODE = "20241123094512345678901"


class Described:
    """A worker class with a parameter that may be of any size."""

    @staticmethod
    def describe_parameters() -> list[IntParameter]:
        return [IntParameter(name="sample", default=0)]

    def process_event(self, event: object, parameters: ParameterSet) -> str:
        return str(parameters["sample"].value)


def test_a_number_of_more_than_64_bits_is_shown_as_it_was_written() -> None:
    wire = {"a": BARCODE.encode(), "b": f"[1, -{BARCODE}]".encode(), "c": b"12"}
    assert readable(ParameterSet.from_wire(wire, [])) == {"a": BARCODE, "b": f"[1, -{BARCODE}]", "c": 12}


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("name", ["sample", "that_nobody_describes"])
def test_a_run_with_such_a_parameter_is_armed_kept_and_reduced(
    name: str, keeps: bool, tmp_path: Path
) -> None:
    keeper = StateKeeper(Scribe(SqliteStore(tmp_path))) if keeps else None
    with Bench({"camera": Feed(series(4))}, Described, keeper=keeper) as bench:
        bench.controller.set_parameters({name: BARCODE.encode()})
        active = bench.arm(uniform(["camera"], 4))
        bench.controller.set_parameters({name: b"1" + BARCODE.encode()})
        bench.until(lambda: active.finished)
        assert counts(active) == (6, 0, 0)
        assert active.epochs[-1].values[name] == "1" + BARCODE
