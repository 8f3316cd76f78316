"""What an ingester keeps open between runs: opened at its start, told when it cannot be, tried again, closed at the end."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from beamloom.devices import sardana
from beamloom.events import Event
from beamloom.services.ingester.preparation import Preparation
from beamloom.services.ingester.service import IngesterService
from beamloom.services.shell.membership import new_peer_id
from beamloom.settings import IngesterSettings, StreamSettings
from beamloom.transport.messages import CONTROLLER
from beamloom.triggermap import uniform
from services.bench import Bench, Feed, counts, series
from support.patience import PATIENCE
from support.ports import quiet_port


class Looking:
    """A worker class: what each stream sent, parsed."""

    def process_event(self, event: Event) -> list[str]:
        return [type(packet.parse()).__name__ for packet in event.streams.values() if packet.typ == "sardana"]


class Door:
    """Something that can be open."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_what_cannot_be_opened_is_tried_again_every_second_and_the_rest_once() -> None:
    open_doors: list[Door] = []
    tried: list[float] = []
    now = 0.0

    def easy() -> Door:
        open_doors.append(Door())
        return open_doors[-1]

    def hard() -> Door:
        tried.append(now)
        if now < 2:
            raise OSError("it is locked")
        return easy()

    preparation = Preparation([("a", easy), ("b", hard), ("c", lambda: None)])
    changes = []
    for step in range(50):
        now = step / 10
        if preparation.turn(now):
            changes.append((now, preparation.fault))
    assert changes == [(0.0, "stream 'b': it is locked"), (2.0, None)]
    assert tried == [0.0, 1.0, 2.0]
    preparation.close()
    preparation.close()
    assert [door.closed for door in open_doors] == [1, 1]


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", quiet_port())) as server:
        yield server


def add_sardana(bench: Bench, url: str) -> IngesterService:
    settings = IngesterSettings(
        name="scan-ingester", streams={"scan": StreamSettings(device="sardana", options={"url": url})}
    )
    channel = bench.exchange.channel(new_peer_id(settings.name))
    service = IngesterService(settings, channel, f"memory://{CONTROLLER}")
    bench._add(settings.name, service, channel)
    bench.until(bench.everyone_known)
    return service


def fault_of(bench: Bench) -> Any:
    return bench.member("scan-ingester").register.fault


def test_a_port_that_is_taken_is_the_fault_of_its_ingester_until_it_is_free(taken: socket.socket) -> None:
    with Bench({"camera": Feed(series(3))}, Looking) as bench:
        port = taken.getsockname()[1]
        add_sardana(bench, f"http://127.0.0.1:{port}")
        assert fault_of(bench).startswith(f"stream 'scan': port {port} of 127.0.0.1 is taken")
        refusal = bench.try_to_arm(uniform(["scan", "camera"], 3))
        assert "stream 'scan'" in str(refusal)
        assert counts(bench.play(uniform(["camera"], 3))) == (5, 0, 0), "a run without the stream goes on"
        taken.close()
        bench.until(lambda: fault_of(bench) is None)
        recorder = sardana.SardanaRecorder(f"http://127.0.0.1:{port}")
        recorder.wait_for_client(PATIENCE)
        recorder.play(sardana.generate(points=4))
        assert all(answer["kept"] for answer in recorder.answers)
        assert counts(bench.play(uniform(["scan"], 4))) == (6, 0, 0)
    with socket.create_server(("127.0.0.1", port)):
        pass  # the port is released at the end


def test_sardana_arms_run_after_run() -> None:
    url = sardana.SardanaRecorder(f"http://127.0.0.1:{quiet_port()}").url
    recorder = sardana.SardanaRecorder(url)
    with Bench({}, Looking) as bench:
        settings = IngesterSettings(
            name="scan-ingester",
            streams={"scan": StreamSettings(device="sardana", options={"url": url}, arms=True)},
        )
        channel = bench.exchange.channel(new_peer_id(settings.name))
        bench._add(settings.name, IngesterService(settings, channel, f"memory://{CONTROLLER}"), channel)
        bench.until(bench.everyone_known)
        recorder.wait_for_client(PATIENCE)
        for points in (3, 5):
            recorder.play(sardana.generate(points=points))
            bench.until(
                lambda n=points: (
                    bench.controller.active is not None  # type: ignore[misc]
                    and bench.active.finished
                    and counts(bench.active) == (n + 2, 0, 0)
                )
            )
        assert len(bench.controller.past) == 1
