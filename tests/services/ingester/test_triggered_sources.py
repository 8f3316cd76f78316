"""Sources that produce a packet when the run asks for one."""

from __future__ import annotations

from collections.abc import Sequence

from beamloom.engine.assignment import Span
from beamloom.engine.streams.layout import stream_layout
from beamloom.engine.streams.requests import Requests
from beamloom.events import Event, Packet, PacketKind
from beamloom.triggermap import TriggerMap, sparse, uniform
from services.bench import Bench, Feed, Gathering, counts, series


class Thermometer(Feed):
    """Measures when it is asked to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[PacketKind] = []

    def trigger(self, kinds: Sequence[PacketKind]) -> None:
        for kind in kinds:
            self.send([Packet("temperature", [b"%d" % len(self.asked)], None, kind)])
            self.asked.append(kind)


class Reading:
    """A worker class that returns what the thermometer measured."""

    def process_event(self, event: Event) -> bytes | None:
        packet = event.streams.get("temperature")
        return None if packet is None else bytes(packet.frames[0])


def test_a_triggered_source_measures_once_for_each_leased_event() -> None:
    thermometer = Thermometer()
    with Bench(
        {"eiger": Feed(series(30)), "temperature": thermometer}, worker=Reading, reducer=Gathering
    ) as bench:
        active = bench.play(uniform(["eiger", "temperature"], 30))
        assert counts(active) == (32, 0, 0)
        assert thermometer.asked == [PacketKind.START, *[PacketKind.DATA] * 30, PacketKind.END]
        assert bench.published["results"] == {event: b"%d" % event for event in range(32)}


def test_a_triggered_source_is_not_asked_for_events_without_its_packet() -> None:
    thermometer = Thermometer()
    trigger_map = sparse(["eiger", "temperature"], 20, every={"temperature": 5})
    with Bench(
        {"eiger": Feed(series(20)), "temperature": thermometer}, worker=Reading, reducer=Gathering
    ) as bench:
        active = bench.play(trigger_map)
        assert counts(active) == (22, 0, 0)
        assert len(thermometer.asked) == 4 + 2


def test_events_that_are_leased_again_are_not_asked_for_again() -> None:
    requests = Requests(
        stream_layout(TriggerMap.from_mapping({"t": [[{"constraint": 0}]] * 6}, all_wrap=False), "t")
    )
    assert len(requests.leased([Span(0, 4, "w1")])) == 4
    assert requests.leased([Span(0, 4, "w2", attempt=2)]) == []
    assert len(requests.leased([Span(4, 2, "w1")])) == 2
    assert requests.leased([]) == []
