"""Messages that a device deals out to several clients: each places its own in the run, also without the message that opens the series."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable

import pytest

from beamloom.devices import dectris_v1, dectris_v2, stins
from beamloom.devices.device import Sharing
from beamloom.devices.registry import device_names, find_device
from beamloom.devices.series import dealt
from beamloom.devices.series.dealt import Dealt, DealtReader
from beamloom.devices.sharing import split_refusal
from beamloom.devices.zeromq import ZmqSource
from beamloom.events import Malformed, Packet, PacketKind

FRAMES = 9
Message = list[bytes]
Item = Packet | Malformed

KINDS: dict[str, tuple[Callable[[], DealtReader], Callable[[int], Iterable[Message]]]] = {
    # The n-th series of each device, as it numbers them.
    "stins": (
        stins.StinsReader,
        lambda n: stins.generate(frames=FRAMES, shape=(2, 2), first_msg_number=n * (FRAMES + 2)),
    ),
    "dectris_v1": (
        dectris_v1.new_reader,
        lambda n: dectris_v1.generate(frames=FRAMES, shape=(2, 2), series=n),
    ),
    "dectris_v2": (
        dectris_v2.new_reader,
        lambda n: dectris_v2.generate(frames=FRAMES, shape=(2, 2), series_id=n),
    ),
}


@pytest.fixture(params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def series(kind: str, number: int) -> list[Message]:
    return [list(message) for message in KINDS[kind][1](number)]


def shares(kind: str, messages: list[Message], count: int = 3) -> list[tuple[Dealt, list[Item]]]:
    """What each of so many clients gets, before it knows the series."""
    clients: list[tuple[Dealt, list[Item]]] = [(Dealt(KINDS[kind][0]()), []) for _ in range(count)]
    for message, (client, items) in zip(messages, itertools.cycle(clients), strict=False):
        client.take(message, items)
    return clients


def begin(clients: list[tuple[Dealt, list[Item]]]) -> int:
    """Tell all which series some of them has seen begin; returns what tells it."""
    (origin,) = {client.origin for client, _ in clients if client.origin is not None}
    for client, items in clients:
        client.begin_at(origin)
        client.take_held(1000, items)
    return origin


def placed(clients: list[tuple[Dealt, list[Item]]]) -> list[tuple[int | None, PacketKind]]:
    packets = [item for _, items in clients for item in items]
    assert not any(isinstance(item, Malformed) for item in packets)
    return [(item.number, item.kind) for item in packets if isinstance(item, Packet)]


def numbers(clients: list[tuple[Dealt, list[Item]]]) -> list[int | None]:
    """The numbers of all images, sorted."""
    return sorted((n for n, kind in placed(clients) if kind is PacketKind.DATA), key=lambda n: n or -1)


def test_the_numbers_of_all_shares_together_are_those_of_the_series(kind: str) -> None:
    clients = shares(kind, series(kind, 4))
    assert all(not items for _, items in clients), "nobody knows yet which series this is"
    begin(clients)
    assert numbers(clients) == list(range(1, FRAMES + 1))
    others = sorted(what for _, what in placed(clients) if what is not PacketKind.DATA)
    assert others == [PacketKind.START, PacketKind.END]


def test_what_is_left_over_of_an_earlier_series_is_discarded_by_all(kind: str) -> None:
    rest = series(kind, 4)[5:]
    clients = shares(kind, [*rest, *series(kind, 5)])
    begin(clients)
    assert numbers(clients) == list(range(1, FRAMES + 1))
    assert sum(client.discarded for client, _ in clients) == len(rest)


def test_what_comes_after_the_series_is_known_is_read_at_once(kind: str) -> None:
    client, items = Dealt(KINDS[kind][0]()), list[Item]()
    messages = series(kind, 4)
    client.take(messages[0], items)
    assert client.origin is not None
    client.begin_at(client.origin)
    client.take_held(1, items)
    for message in messages[1:]:
        client.take(message, items)
    assert len(items) == FRAMES + 2


@pytest.mark.parametrize("kind", ["dectris_v1", "dectris_v2"])
def test_another_series_in_the_same_run_is_refused_packet_by_packet(kind: str) -> None:
    clients = shares(kind, series(kind, 4))
    begin(clients)
    for client, items in clients:
        items.clear()
        client.take(series(kind, 5)[3], items)
        (item,) = items
        assert isinstance(item, Malformed)
        assert "series 5 follows series 4" in item.reason


def test_series_of_a_stins_sender_follow_each_other_in_one_run() -> None:
    clients = shares("stins", [*series("stins", 0), *series("stins", 1)])
    (origin, *_) = [client.origin for client, _ in clients if client.origin is not None]
    for client, items in clients:
        client.begin_at(origin)
        client.take_held(1000, items)
    found = placed(clients)
    assert {n for n, _ in found} == set(range(2 * (FRAMES + 2)))
    assert {n for n, what in found if what is PacketKind.START} == {0, FRAMES + 2}


@pytest.mark.parametrize(("came", "first_frame"), [(2, 0), (5, 0), (9, 0), (4, 1), (5, 1), (9, 1)])
def test_a_stins_sender_that_begins_anew_gives_each_share_the_numbers_of_the_first_series(
    came: int, first_frame: int
) -> None:
    """``came``: so many images before; ``first_frame`` is the device's, and by the setting 0."""
    first, anew = (
        list(stins.generate(frames=FRAMES, shape=(2, 2), first_msg_number=n, first_frame=first_frame))
        for n in (7, 8 + came)
    )
    readers = [stins.StinsReader() for _ in range(2)]
    found: list[list[Item]] = [[], []]
    for reader in readers:
        reader.begin_at(7, one_series=True)
    for place, message in enumerate([*first[: came + 1], *anew]):
        readers[place % 2].take(list(message), found[place % 2])
    numbers = [[item.number for item in items if isinstance(item, Packet)] for items in found]
    told = [number for pair in itertools.zip_longest(*numbers) for number in pair if number is not None]
    assert told == [*range(came + 1), came + 1, *range(1, FRAMES + 2)]


def test_a_stins_sender_that_does_not_count_its_frames_is_placed_by_its_messages() -> None:
    reader, items = stins.StinsReader(), list[Item]()
    reader.begin_at(0, one_series=True)
    for message in stins.generate(frames=FRAMES, shape=(2, 2)):
        reader.take([re.sub(rb'"frame":\d+', b'"frame":0', message[0]), *message[1:]], items)
    assert [item.number for item in items if isinstance(item, Packet)] == [0, 1, 1, *range(3, FRAMES + 2)]


def test_images_of_a_stins_sender_without_any_number_cannot_be_shared() -> None:
    reader = stins.StinsReader()
    reader.begin_at(0)
    items: list[Item] = []
    reader.take([b'{"htype": "image", "shape": [1], "type": "uint8"}', b"x"], items)
    assert isinstance(items[0], Malformed)
    assert "has no number" in items[0].reason


def test_a_device_that_sends_all_the_time_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealt, "HELD_BYTES", 1000)
    client, items = Dealt(stins.StinsReader()), list[Item]()
    for message in itertools.islice(stins.generate(frames=500, shape=(8, 8)), 1, None):
        client.take(message, items)
    assert client.discarded > 490
    assert client.origin is None


def test_devices_say_how_they_may_be_split_and_the_others_are_refused_in_words() -> None:
    how = {name: find_device(name).sharing for name in device_names()}
    assert {name for name, sharing in how.items() if sharing is Sharing.DEALT} == set(KINDS)
    assert {name for name, sharing in how.items() if sharing is Sharing.ALL} == {"albaem", "xspress3"}
    assert split_refusal("s", "contrast", None, 1, arms=False) is None
    sentence = split_refusal("s", "contrast", None, 2, arms=False)
    assert sentence is not None
    assert "the packets of contrast have no numbers" in sentence
    sentence = split_refusal("s", "stins", Sharing.DEALT, 2, arms=True)
    assert sentence is not None
    assert "only one of them would see that a series begins" in sentence


def test_a_source_whose_packets_cannot_be_placed_alone_refuses_to_be_shared() -> None:
    class Plain:
        def take(self, frames: list[bytes], items: list[Item]) -> None:
            items.append(Packet("plain", frames))

    with pytest.raises(ValueError, match="give it to one"):
        ZmqSource("tcp://127.0.0.1:1", 0, 1, Plain()).share(one_series=True)
