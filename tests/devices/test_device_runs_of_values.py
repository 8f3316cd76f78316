"""Whole runs of the devices that send values and traces: simulator, socket, source, services, worker."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from beamloom.devices import albaem, lecroy, pandabox, pcap
from beamloom.devices.device import Device
from beamloom.events import Event, PacketKind
from beamloom.triggermap import TriggerMap, uniform
from devices.one_run import Outcome, run_through

Messages = Iterable[Sequence[bytes]]


def live(
    device: Device, messages: Messages, trigger_map: TriggerMap, look: Callable[[Any], Any], **settings: Any
) -> Outcome:
    """One run of ``trigger_map`` with a simulated device that plays ``messages``; ``look`` sees what each packet holds."""
    simulator = device.simulator("tcp://127.0.0.1:0")
    played = threading.Thread(target=simulator.play, args=(messages,))

    def worker(event: Event) -> Any:
        packet = event.streams["device"]
        return look(packet.parse()) if packet.kind is PacketKind.DATA else packet.kind.name

    def make() -> Any:
        return device.source(device.settings(url=simulator.url, **settings))

    try:
        return run_through({"device": make}, trigger_map, worker, while_it_runs=played.start)
    finally:
        simulator.close()
        if played.ident is not None:
            played.join()


def wrapped(results: dict[int, Any]) -> list[Any]:
    """What the worker made of the events, without those of start and end, which have to be there."""
    last = max(results)
    assert (results[0], results[last]) == ("START", "END")
    return [results[event] for event in range(1, last)]


def test_the_captured_electrometer_gives_6_events(capture: Callable[[str], list[list[bytes]]]) -> None:
    run = live(
        albaem.DEVICE, capture("albaem-dump.cbors"), uniform(["device"], 4), lambda point: point.channel1
    )
    assert run.counts == (6, 0, 0)
    assert wrapped(run.results)[0] == -2.8302592615927417e-11


def test_the_captured_rows_give_1502_events(capture: Callable[[str], list[list[bytes]]]) -> None:
    run = live(
        pcap.DEVICE, capture("pcap-zmq.cbors"), uniform(["device"], 1500), lambda row: row.triggernumber
    )
    assert run.counts == (1502, 0, 0)
    assert wrapped(run.results) == [float(number) for number in range(1, 1501)]


@pytest.mark.parametrize("name", ["maui-02-continuous-3.cbor.gz", "maui-02-sequential-3.cbor.gz"])
def test_the_captured_oscilloscope_gives_4_events(
    name: str, capture: Callable[[str], list[list[bytes]]]
) -> None:
    run = live(
        lecroy.DEVICE,
        capture(name),
        uniform(["device"], 2),
        lambda sequence: sequence.data[0].max(axis=1).tolist(),
    )
    assert run.counts == (4, 0, 0)
    last = wrapped(run.results)[1]
    assert last[0] == (0.1675630532008654 if "continuous" in name else 0.022609806155742262)


def test_a_lost_message_of_rows_costs_their_events_and_no_other() -> None:
    messages = list(pcap.generate(rows=40, rows_per_message=8))
    del messages[3]
    run = live(pcap.DEVICE, messages, uniform(["device"], 40), lambda row: row.triggernumber)
    assert run.counts == (34, 0, 8)
    assert {event: value for event, value in run.results.items() if 0 < event < 41} == {
        event: float(event) for event in range(1, 41) if not 17 <= event <= 24
    }


def test_a_lost_trace_costs_its_event_and_no_other() -> None:
    messages = list(lecroy.generate(sequences=6, burst=2, points=8))
    del messages[10]
    run = live(lecroy.DEVICE, messages, uniform(["device"], 6), lambda sequence: sequence.seqno)
    assert run.counts == (7, 0, 1)
    assert {event: seqno for event, seqno in run.results.items() if 0 < event < 7} == {
        1: 0,
        2: 1,
        4: 3,
        5: 4,
        6: 5,
    }


@pytest.mark.parametrize("form", ["ascii", "framed"])
def test_one_arm_gives_its_rows(form: str) -> None:
    run = live(
        pandabox.DEVICE,
        pandabox.generate(rows=700),
        uniform(["device"], 700),
        lambda row: row.values["COUNTER1.OUT.Value"],
        format=form,
    )
    assert run.counts == (702, 0, 0)
    assert wrapped(run.results) == [float(row) for row in range(700)]


@pytest.mark.parametrize("all_wrap", [False, True])
def test_several_arms_of_one_run_give_all_their_events(all_wrap: bool) -> None:
    arms, rows = 5, 10
    messages = list(pandabox.generate(rows=rows, arms=arms))
    messages[15] = [b"damaged\n"]
    events = arms * (rows + 2)
    trigger_map = uniform(["device"], events - 2 if all_wrap else events, all_wrap=all_wrap)
    run = live(pandabox.DEVICE, messages, trigger_map, lambda row: row.values["COUNTER1.OUT.Value"])
    assert run.counts == (events - 1, 0, 1)
    expected: list[Any] = []
    for arm in range(arms):
        expected += ["START", *map(float, range(arm * rows, (arm + 1) * rows)), "END"]
    assert run.results == {event: value for event, value in enumerate(expected) if event != 15}
