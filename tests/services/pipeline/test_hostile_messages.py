"""Whatever arrives in the mailbox of a service, in whatever order, the service goes on: nothing that a message says may end it.

``BEAMLOOM_DEEP=1`` sends a hundred times as much.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beamloom.engine.accounts.ledger import LedgerNews
from beamloom.services.controller.service import ControllerService
from beamloom.services.ingester.service import IngesterService
from beamloom.services.reducer.service import ReducerService
from beamloom.services.reducer.snapshots import SnapshotDesk
from beamloom.services.shell.loop import Service
from beamloom.services.worker.service import WorkerService
from beamloom.services.worker.user_map import Map
from beamloom.settings import ControllerSettings, IngesterSettings, ReducerSettings, WorkerSettings
from beamloom.transport.channel import Received
from beamloom.transport.memory import Exchange, MemoryChannel
from beamloom.transport.messages import AnyMessage, Arm, Coverage, Register, Tick, decode, encode
from beamloom.transport.sense import makes_sense
from services.bench import Doubling
from transport.hostile import KINDS, messages

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))
EXAMPLES = 3000 if DEEP else 30
CONTROLLER = "memory://controller"
Letter = tuple[str, AnyMessage, list[bytes]]

ARM = Arm("run", ("reducer@1", "memory://r"), {"worker-1@1": "memory://w"}, {}, 0, {}, None, 1.0)
MEMBERS: list[Letter] = [
    ("reducer@1", Register("reducer", "reducer", "memory://r", "here", 1, "0"), []),
    ("worker-1@1", Register("worker-1", "worker", "memory://w", "here", 1, "0", tags=["generic"]), []),
]
ARMED: list[Letter] = [("controller", ARM, [])]


def controller(channel: MemoryChannel) -> Service:
    return ControllerService(ControllerSettings(), channel)


def worker(channel: MemoryChannel) -> Service:
    return WorkerService(WorkerSettings(name="worker-1"), channel, CONTROLLER, lambda: Map(Doubling))


def ingester(channel: MemoryChannel) -> Service:
    return IngesterService(IngesterSettings(name="camera", streams={}), channel, CONTROLLER)


def reducer(channel: MemoryChannel) -> Service:
    desk = SnapshotDesk(lambda: None)
    return ReducerService(ReducerSettings(journal=False), channel, CONTROLLER, lambda: None, desk)


def arrives(letter: Letter) -> Received | None:
    """A message as a mailbox hands it on; None where it is dropped there."""
    sender, message, frames = letter
    try:
        sender, message = decode(encode(sender, message))
    except (msgspec.DecodeError, msgspec.ValidationError, OverflowError, UnicodeEncodeError):
        return None
    return Received(sender, message, frames) if makes_sense(message, frames) else None


@pytest.mark.expects_errors
@pytest.mark.parametrize(
    ("make", "before"),
    [
        (controller, []),
        (controller, MEMBERS),
        (ingester, []),
        (worker, []),
        (worker, ARMED),
        (reducer, []),
        (reducer, ARMED),
    ],
)
def test_no_message_ends_a_service(make: Callable[[MemoryChannel], Service], before: list[Letter]) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(messages, min_size=1, max_size=6))
    def fuzz(letters: list[Letter]) -> None:
        exchange = Exchange()
        exchange.channel("controller")
        service: Any = make(exchange.channel("here"))
        now = 1.0
        for letter in [*before, *letters, ("controller", Tick("no run"), [])]:
            received = arrives(letter)
            if received is not None:
                now += 0.1
                service.receive(received, now)
                service.turn(now)
        assert service.wait(now) >= 0.0

    fuzz()


@pytest.mark.parametrize("before", [[], ARMED])
def test_a_run_that_is_said_to_end_before_what_it_has_ends_no_reducer(
    before: list[Letter], caplog: pytest.LogCaptureFixture
) -> None:
    exchange = Exchange()
    exchange.channel("controller")
    service = reducer(exchange.channel("here"))
    run = "run" if before else ""
    news = LedgerNews(total=1, failed=[(0, 7)])
    for number, letter in enumerate([*before, ("controller", Coverage(run, news), [])]):
        received = arrives(letter)
        assert received is not None
        service.receive(received, float(number))
        service.turn(float(number))
    assert f"tells of run '{run}' cannot be: events from 1 on are settled already" in caplog.text


def test_every_kind_of_message_is_tried() -> None:
    assert len(KINDS) > 30
    assert {Register, Arm} <= set(KINDS)
