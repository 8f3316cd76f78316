"""What a worker waits for, and what it knows of one event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from beamloom.engine.assembling.assembler import Assembler
from beamloom.engine.assembling.ready import ReadyRun
from beamloom.services.shell.guard import Notes
from beamloom.services.shell.waits import NO_RUN, Waiting
from beamloom.services.worker.outbox import Outbox

Deliveries = Iterable[tuple[int, int, int]]
"""Slot, first event and one past the last."""


def of_worker(
    run: str | None,
    at_work: Notes,
    outbox: Outbox | None,
    ready: Sequence[ReadyRun],
    awaited: tuple[int, list[str]] | None,
) -> Iterator[Waiting]:
    """What it waits for; may be called in any thread, while another one goes on. ``awaited`` as the assembler said it last."""
    event, since = at_work.at_work
    if event is not None:
        yield Waiting("user code", str(event), f"process_event has event {event}", since)
    elif run is None or outbox is None:
        yield Waiting("run", "", NO_RUN)
    elif outbox.full:
        yield Waiting(
            "reducer",
            "",
            f"{outbox.bytes:,} bytes of results that the reducer has not taken: no event is begun",
        )
    elif ready:
        yield Waiting("parameters", str(ready[0].first), f"the parameters of event {ready[0].first}")
    elif awaited is None:
        yield Waiting("lease", "", "nothing is leased to it")
    else:
        here = f"of {', '.join(awaited[1])} it is here" if awaited[1] else "no stream's is here"
        yield Waiting("packets", str(awaited[0]), f"a packet of event {awaited[0]}; {here}")


def known_of(
    event: int, assembler: Assembler, ready: Sequence[ReadyRun], merging: Deliveries, outbox: Outbox | None
) -> dict[str, Any]:
    """What a worker knows of an event: where it is with it; empty where it has nothing of it."""
    if outbox is not None and _among(event, outbox.deliveries()):
        return {"state": "its result is under way to the reducer, which has not said yet that it took it"}
    if _among(event, merging):
        return {"state": "its result is being merged with those of other events"}
    if any(run.first <= event < run.stop for run in ready):
        return {"state": "its packets are all here, and it is its turn soon"}
    if not _among(event, assembler.deliveries()):
        return {}
    awaited = assembler.awaited
    if awaited is None or awaited[0] != event:
        return {"state": "it is leased, and others come before it"}
    here = f"it has those of {', '.join(awaited[1])}" if awaited[1] else "it has none"
    return {"state": f"it is next, and waits for packets: {here}"}


def _among(event: int, deliveries: Deliveries) -> bool:
    return any(first <= event < stop for _, first, stop in deliveries)
