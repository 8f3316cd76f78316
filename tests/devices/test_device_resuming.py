"""A reader goes on in a series whose beginning came to another one: the same numbers, or none."""

from __future__ import annotations

from typing import Any

import pytest

from beamloom.devices import bluesky, pandabox, stins
from beamloom.devices.bluesky.documents import DocumentReader, written
from beamloom.devices.dectris_v2 import generate as generate_dectris
from beamloom.devices.dectris_v2 import new_reader as dectris_reader
from beamloom.devices.pandabox.stream import PandaStream
from beamloom.devices.stins import StinsReader
from beamloom.events import Packet
from devices.reading import Items, taken


def numbers(items: Items) -> list[int | None]:
    return [item.number if isinstance(item, Packet) else -1 for item in items]


def test_a_stins_reader_goes_on_with_the_numbers_of_the_one_before() -> None:
    messages = list(stins.generate(frames=8, first_msg_number=100))
    first, second = StinsReader(), StinsReader()
    taken(first, messages[:4])
    assert first.bearing is not None
    assert second.resume(first.bearing, one_series=True) == 0
    assert numbers(taken(second, messages[6:])) == [6, 7, 8, 9]


def test_a_stins_series_that_was_begun_anew_meanwhile_keeps_its_numbers() -> None:
    first, second = StinsReader(), StinsReader()
    taken(first, list(stins.generate(frames=8, first_msg_number=100))[:5])
    assert first.bearing is not None
    second.resume(first.bearing, one_series=True)
    again = list(stins.generate(frames=8, first_msg_number=105))
    assert numbers(taken(second, again[3:])) == [3, 4, 5, 6, 7, 8, 9]


def test_a_stins_stream_of_several_series_goes_on_by_the_numbers_of_its_messages_or_not_at_all() -> None:
    series = [*stins.generate(frames=3, first_msg_number=7), *stins.generate(frames=3, first_msg_number=12)]
    first, second = StinsReader(), StinsReader()
    taken(first, series[:7])
    assert first.bearing is not None
    start = second.resume(first.bearing, one_series=False)
    assert [start + (number or 0) for number in numbers(taken(second, series[7:]))] == [7, 8, 9]
    with pytest.raises(ValueError, match="counts images in each series anew"):
        StinsReader().resume({"header": None, "first": None, "behind": None}, one_series=False)


def test_images_of_another_dectris_series_get_no_place() -> None:
    first, second = dectris_reader(1), dectris_reader(1)
    messages = list(generate_dectris(frames=5))
    taken(first, messages[:2])
    assert first.bearing is not None
    second.resume({"series": first.bearing["series"] + 1}, one_series=True)
    assert numbers(taken(second, messages[2:4])) == [-1, -1]
    third = dectris_reader(1)
    third.resume(first.bearing, one_series=True)
    whole = taken(dectris_reader(1), messages)
    assert numbers(taken(third, messages[2:4])) == numbers(whole[2:4])
    with pytest.raises(ValueError, match="counted in each series anew"):
        dectris_reader(1).resume(first.bearing, one_series=False)


def test_a_run_of_bluesky_is_gone_on_with_by_the_numbers_of_its_rows_also_where_it_is_sent_anew() -> None:
    messages = list(bluesky.generate(rows=4, serializer="msgpack"))
    first, second, third = DocumentReader(), DocumentReader(), DocumentReader()
    taken(first, messages[:4])
    assert first.bearing is not None
    assert second.resume(first.bearing, one_series=True) == 0
    items = taken(second, messages[4:])
    assert numbers(items) == [3, 4, 5]
    assert [bluesky.parse(item).data for item in items[:2]] == [{"x": n / 2, "det": n * n} for n in (2, 3)]  # type: ignore[arg-type]
    third.resume(first.bearing, one_series=True)
    assert numbers(taken(third, messages)) == [1, 2, 3, 4, 5]
    assert third.bearing is None
    with pytest.raises(ValueError, match="counted in each run of Bluesky anew"):
        DocumentReader().resume(first.bearing, one_series=False)


def test_the_files_of_a_fly_scan_are_known_to_the_next_reader() -> None:
    key = {"source": "s", "dtype": "array", "shape": [2], "external": "STREAM:"}
    documents: list[tuple[str, dict[str, Any]]] = [
        ("start", {"uid": "run"}),
        ("descriptor", {"uid": "d", "run_start": "run", "name": "primary", "data_keys": {"det": key}}),
        ("stream_resource", {"uid": "r", "run_start": "run", "data_key": "det", "uri": "file:/det"}),
    ]
    datum = {"descriptor": "d", "stream_resource": "r", "indices": {"start": 3, "stop": 5}}
    first, second = DocumentReader(), DocumentReader()
    for name, document in documents:
        first.take_document(name, written(document), [])
    assert first.bearing is not None
    second.resume(first.bearing, one_series=True)
    items: Items = []
    second.take_document("stream_datum", written(datum), items)
    assert numbers(items) == [4, 5]
    assert bluesky.parse(items[0]).files["det"]["index"] == 3  # type: ignore[arg-type]


def feed(stream: PandaStream, chunks: list[bytes]) -> Items:
    items: Items = []
    for chunk in chunks:
        stream.feed(chunk, items)
    return items


def test_a_pandabox_arm_is_gone_on_with_if_it_is_still_that_arm() -> None:
    arms = [message[0] for message in pandabox.generate(rows=4, arms=2)]
    first, second = PandaStream(packed=False), PandaStream(packed=False)
    assert first.bearing is None
    feed(first, arms[:8])
    assert first.bearing is not None
    assert second.resume(first.bearing, one_series=False) == 6
    header = arms[6].replace(b"missed: 0", b"missed: 2")
    assert header != arms[6]
    assert numbers(feed(second, [header, *arms[9:]])) == [3, 4, 5]


def test_the_next_reader_of_a_pandabox_arm_gives_all_rows_that_the_box_sends_again() -> None:
    arm = [message[0] for message in pandabox.generate(rows=4)]
    first, second = PandaStream(packed=False), PandaStream(packed=False)
    feed(first, arm[:4])
    assert first.bearing is not None
    assert second.resume(first.bearing, one_series=False) == 0
    assert numbers(feed(second, arm[:4])) == [1, 2, 3]
    # Of the rows that one reader has given itself, it gives none again.
    second.connection_lost()
    assert numbers(feed(second, arm)) == [4, 5]


def test_what_follows_an_arm_of_a_pandabox_whose_end_nobody_saw_gets_no_place() -> None:
    arms = [message[0] for message in pandabox.generate(rows=4, arms=2)]
    first, second = PandaStream(packed=False), PandaStream(packed=False)
    feed(first, arms[:3])
    assert first.bearing is not None
    second.resume(first.bearing, one_series=False)
    assert set(numbers(feed(second, arms[6:]))) == {-1}
