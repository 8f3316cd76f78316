"""A second client of a device takes every other packet: the ledger says so, instead of speaking of gaps."""

from __future__ import annotations

import random

import pytest

from beamloom.engine.streams.theft import ALIKE_UNTIL_SURE, Theft
from beamloom.triggermap import uniform
from engine.mill import Mill, numbered

GENERIC = frozenset({"generic"})


def causes(mill: Mill) -> dict[str, int]:
    return {cause: len(events) for cause, events in mill.run.losses_by_cause()}


def test_every_other_packet_missing_is_told_as_a_second_client() -> None:
    mill = Mill(uniform(["a"], 40), {"w": GENERIC})
    mill.read("a", [numbered("a", item, 41) for item in range(42) if item % 2 == 0 or item == 41])
    mill.settle()
    assert mill.complete
    lost = causes(mill)
    assert sum(lost.values()) == 20
    [told] = [cause for cause in lost if "another client" in cause]
    assert "1 of every 2 packets are missing" in told
    assert lost[told] > 20 - ALIKE_UNTIL_SURE - 1


def test_two_other_clients_are_told_by_their_rhythm() -> None:
    theft = Theft()
    said = [theft.gap(first, first + 2) for first in range(1, 30, 3)]
    assert said[-1] is not None
    assert said[-1].startswith("2 of every 3 packets")
    assert said[0] is None


@pytest.mark.parametrize("seed", range(5))
def test_gaps_without_rhythm_are_gaps(seed: int) -> None:
    chosen = random.Random(seed)
    theft, at = Theft(), 0
    for _ in range(50):
        first = at + chosen.randrange(1, 200)
        at = first + chosen.randrange(1, 3)
        assert theft.gap(first, at) is None
