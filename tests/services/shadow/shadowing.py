"""A shadow worker on a bench, and the oracle of what it publishes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

from beamloom.analysis import ReducerAnalysis
from beamloom.engine.accounts.ledger import Loss
from beamloom.engine.sampling import Sample
from beamloom.errors import UserError
from beamloom.events import Malformed, Packet
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.shadow.service import ShadowService
from beamloom.services.shell.membership import new_peer_id
from beamloom.services.worker.user_map import Map
from beamloom.settings import ShadowWorkerSettings
from beamloom.transport.messages import CONTROLLER
from beamloom.triggermap import TriggerMap
from services.bench import Bench, Feed, Gathering

LEFT_OUT = "not in the sample"


def begin_shadow(
    bench: Bench,
    worker: type,
    reducer: type = Gathering,
    *,
    sample: float = 0.3,
    name: str = "shadow",
    tags: tuple[str, ...] = ("generic",),
    problem: str | None = None,
    worker_class: str | None = None,
    reducer_class: str | None = None,
) -> ShadowService:
    """Start a shadow worker; with a ``problem`` its class cannot be loaded. Its classes are called as is said here."""

    def load() -> Map:
        if problem is not None:
            raise UserError(problem)
        return Map(worker)

    channel = bench.exchange.channel(new_peer_id(name))
    analysis = ReducerAnalysis(reducer)
    service = ShadowService(
        ShadowWorkerSettings(
            name=name, sample=sample, tags=tags, worker_class=worker_class, reducer_class=reducer_class
        ),
        channel,
        f"memory://{CONTROLLER}",
        load,
        lambda: analysis,
        SnapshotDesk(lambda: None),
        turn_seconds=math.inf,
    )
    bench._add(name, service, channel)
    return service


def add_shadow(bench: Bench, worker: type, reducer: type = Gathering, **more: Any) -> ShadowService:
    """The same, once everybody knows of it."""
    service = begin_shadow(bench, worker, reducer, **more)
    bench.until(bench.everyone_known)
    # The workers have been told of it, too.
    bench.steps(20)
    return service


def published(service: ShadowService) -> Any:
    """What the shadow's reducer publishes."""
    analysis = service._pair.reducer.analysis
    assert analysis is not None
    return analysis.publish


def told(service: ShadowService, bench: Bench) -> dict[str, Any]:
    """How it says that it is."""
    found: dict[str, Any] = service.notes(bench.now)["shadow"]
    return found


def oracle(
    streams: dict[str, Callable[[], Iterable[Packet | Malformed]]],
    trigger_map: TriggerMap,
    worker: type,
    reducer: type = Gathering,
    *,
    events: int,
    sample: Sample,
) -> Any:
    """What an inline pipeline publishes that has the events of the sample, and no others."""
    sources = {stream: (lambda make=make: Feed(make())) for stream, make in streams.items()}
    analysis = ReducerAnalysis(reducer)
    with InlinePipeline(
        sources, [InlineWorker("worker-1", ("generic",), lambda: Map(worker))], lambda: analysis
    ) as pipeline:
        pipeline.controller.leave_out(
            Loss(event, event + 1, LEFT_OUT) for event in range(events) if event not in sample
        )
        pipeline.play(trigger_map)
    return analysis.publish
