"""A device that begins its series anew in the middle of a run shifts no event, and the account says that it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pytest

from beamloom.devices import sardana
from beamloom.devices.testing import Harm, Link, Specimen
from beamloom.events import Event
from beamloom.triggermap import uniform
from devices.one_run import Outcome, run_through
from devices.specimens import SPECIMENS
from support.patience import PATIENCE

ITEMS = 8
HALF = 4
"""So many items come before the series begins anew."""
LACKING = 6
"""The place of the item that the new series lacks, where a reader can tell."""

ANEW: Final = "stream 'device' began its series anew after"


@dataclass(frozen=True)
class Kind:
    """How a device begins anew: what its events are, and what the account says."""

    restarts: int = 1
    in_order: bool = False
    """Without numbers, the new series takes the places that are left."""
    closes: bool = False
    """Who begins anew closes the series before: what it lacks is lost, and the new one is another run's."""


KINDS: Final[Mapping[str, Kind]] = {
    "contrast": Kind(in_order=True),
    "sardana": Kind(restarts=0, closes=True),
}
"""The others count their items, and each is told by its number."""

OTHERS: Final = frozenset({"pandabox", "hdf5", "images"})
"""Of which a run may hold several series, and files, which are there or not."""


def series(specimen: Specimen, items: Sequence[int]) -> list[list[bytes]]:
    """The head of a series of ITEMS, and some of its items."""
    messages, many = specimen.messages(ITEMS), specimen.messages_per_item
    at = [specimen.head + many * item for item in items]
    return messages[: specimen.head] + [message for first in at for message in messages[first : first + many]]


def run(specimen: Specimen, messages: Sequence[Sequence[bytes]]) -> Outcome:
    """A run that has a place for one whole series, sent these messages; the worker returns what the packet holds."""
    packets = specimen.packets(ITEMS)
    with Link(specimen, packets=packets, opened=False) as link:

        def play() -> None:
            link.simulator.wait_for_client(PATIENCE)
            link.play(messages)

        return run_through(
            {"device": lambda: link.source},
            uniform(["device"], packets - 2),
            held,
            play,
            lambda: None,
        )


def held(event: Event) -> list[bytes]:
    """The bytes of the event's packet."""
    return [bytes(frame) for frame in event.streams["device"].frames]


@pytest.mark.parametrize("name", [name for name in SPECIMENS if name not in OTHERS])
def test_a_series_that_begins_anew_gives_each_event_its_own_item_and_is_named(name: str) -> None:
    specimen, kind = SPECIMENS[name], KINDS.get(name, Kind())
    tail = specimen.messages(ITEMS)[-specimen.tail :]
    whole = [*series(specimen, range(ITEMS)), *tail]
    expected = run(specimen, whole).results
    half = series(specimen, range(HALF))
    lacks = Harm.DROP in specimen.recognises and not kind.closes
    items = [item for item in range(ITEMS) if item != LACKING or not lacks]
    outcome = run(specimen, [*half, *series(specimen, items), *tail])

    per_item, first = specimen.packets_per_item, specimen.first_place
    lost = set(range(first + LACKING * per_item, first + (LACKING + 1) * per_item)) if lacks else set()
    if kind.closes:
        end = specimen.packets(ITEMS) - 1
        lost, expected[end] = set(range(first + HALF, end)), [sardana.BROKEN_OFF.frames[0]]
    if kind.in_order:
        places = [*range(HALF), *range(ITEMS - HALF)]
        expected |= {first + at: expected[first + place] for at, place in enumerate(places)}
    assert outcome.results == {event: held for event, held in expected.items() if event not in lost}

    run_over = outcome.active
    assert run_over.reports.by_stream["device"].counts.restarts == kind.restarts
    causes = run_over.run.losses_by_cause()
    assert {event for _, events in causes for a, b in events for event in range(a, b)} == lost
    assert all(cause.startswith(ANEW) for cause, _ in causes) or kind.closes
