"""The generator: what it sends is what its settings say, whenever it is read and wherever it runs."""

from __future__ import annotations

import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices import generator
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.generator import (
    DEVICE,
    Fault,
    GeneratorItem,
    GeneratorSettings,
    GeneratorSource,
    GeneratorStart,
    parse,
    truth,
)
from beamloom.events import Event, Malformed, Packet, PacketKind
from beamloom.triggermap import uniform
from devices.one_run import run_through
from devices.reading import numbers
from support.patience import PATIENCE

TIMEOUT = 10.0
KINDS = ("images", "spectra", "encoder", "scan")


def read_all(
    settings: GeneratorSettings, limit: int = 64, expected: int | None = None
) -> list[Packet | Malformed]:
    """All items up to the END, waiting for each as the ingester does."""
    source = GeneratorSource(settings)
    source.expect(expected)
    source.open()
    items: list[Packet | Malformed] = []
    poller = select.poll()
    poller.register(source.pollable, select.POLLIN)
    while not items or not isinstance(items[-1], Packet) or items[-1].kind is not PacketKind.END:
        assert poller.poll(TIMEOUT * 1000)
        got = source.read(limit)
        assert len(got) <= limit
        items += got
    assert not poller.poll(0)
    assert source.read(limit) == []
    source.close()
    return items


def data(items: list[Packet | Malformed]) -> list[GeneratorItem]:
    parsed = [item.parse() for item in items if isinstance(item, Packet)]
    return [each for each in parsed if isinstance(each, GeneratorItem)]


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_every_item_is_what_the_truth_says(kind: Any, noise: bool) -> None:
    settings = GeneratorSettings(kind=kind, items=12, noise=noise, seed=3)
    items = read_all(settings)
    assert numbers(items) == [None, *range(1, 13), 13]
    assert [each.number for each in data(items)] == list(range(12))
    for each in data(items):
        expected = truth(settings, each.number)
        np.testing.assert_array_equal(each.array, expected.array)
        assert each.array.dtype == expected.array.dtype
        assert each.values == expected.values
        assert not each.array.flags.writeable
    assert read_all(settings) == items


def test_the_start_packet_says_what_will_come() -> None:
    start = parse(read_all(GeneratorSettings(kind="spectra", items=2, shape=(2, 64), seed=5))[0])  # type: ignore[arg-type]
    assert isinstance(start, GeneratorStart)
    assert dict(start) == {"kind": "spectra", "items": 2, "shape": [2, 64], "dtype": "uint32", "seed": 5}


def test_the_spot_of_an_image_is_where_its_values_say() -> None:
    for item in range(0, 64, 7):
        known = truth(GeneratorSettings(shape=(256, 64), dtype="float64"), item)
        above = known.array - 10.0
        rows, columns = np.indices(above.shape)
        assert (above * rows).sum() / above.sum() == pytest.approx(known.values["row"], abs=0.05)
        assert (above * columns).sum() / above.sum() == pytest.approx(known.values["column"], abs=0.05)
        assert above.max() == pytest.approx(known.values["height"], rel=0.1)


def test_the_lines_of_a_spectrum_have_the_area_that_its_values_say() -> None:
    known = truth(GeneratorSettings(kind="spectra", dtype="float64"), 3)
    assert known.values["area"] == pytest.approx(1300)
    for channel, spectrum in enumerate(known.array, start=1):
        assert spectrum[:430].sum() == pytest.approx(channel * 1300, rel=1e-3)


def test_angles_grow_and_scan_points_run_through_the_mesh_fast_axis_first() -> None:
    encoder = GeneratorSettings(kind="encoder", shape=(2,))
    assert [truth(encoder, item).array.tolist() for item in (0, 10)] == [[0, 0], [1.0, 2.0]]
    scan = GeneratorSettings(kind="scan", shape=(2, 3))
    points = [truth(scan, item).array.tolist() for item in range(7)]
    assert points == [[-1, -1], [-1, 0], [-1, 1], [1, -1], [1, 0], [1, 1], [-1, -1]]


def test_each_fault_does_what_it_is_called() -> None:
    settings = GeneratorSettings(
        kind="encoder",
        items=12,
        gap=(1,),
        corrupt=(3,),
        reorder=(5,),
        duplicate=(8,),
        stall=(10,),
        stall_seconds=0.0,
    )
    items = read_all(settings)
    assert numbers(items) == [None, 1, 3, 5, 7, 6, 8, 9, 9, 10, 11, 12, 13]
    (malformed,) = [item for item in items if isinstance(item, Malformed)]
    assert items.index(malformed) == 3
    assert "no JSON header" in malformed.reason
    assert not malformed.takes_place
    faults = {item: truth(settings, item).fault for item in range(12) if truth(settings, item).fault}
    assert faults == {1: "gap", 3: "corrupt", 5: "reorder", 8: "duplicate", 10: "stall"}
    assert [item for item in range(12) if not truth(settings, item).arrives] == [1, 3]


def test_an_item_at_the_end_or_before_one_that_is_missing_is_not_put_behind_the_next() -> None:
    settings = GeneratorSettings(kind="encoder", items=6, reorder=(1, 2, 5), gap=(3,))
    assert numbers(read_all(settings)) == [None, 1, 2, 3, 5, 6, 7]
    assert all(truth(settings, item).fault is None for item in (1, 2, 5))


@given(st.integers(0, 1000), st.integers(1, 60))
def test_a_live_run_gets_exactly_the_items_that_the_truth_says_arrive(seed: int, items: int) -> None:
    settings = GeneratorSettings(
        kind="encoder", items=items, seed=seed, gap=0.1, corrupt=0.1, reorder=0.1, duplicate=0.1
    )
    outcome = run_through(
        {"x": lambda: GeneratorSource(settings)},
        uniform(["x"], items),
        lambda event: getattr(event.streams["x"].parse(), "number", None),
    )
    counts = outcome.active.reports.by_stream["x"].counts
    faults = [truth(settings, item).fault for item in range(items)]
    assert (counts.reordered, counts.late) == (faults.count(Fault.REORDER), 0)
    arriving = [item for item in range(items) if truth(settings, item).arrives]
    assert outcome.counts == (len(arriving) + 2, 0, items - len(arriving))
    assert {event - 1: item for event, item in outcome.results.items() if item is not None} == {
        item: item for item in arriving
    }


def test_shares_of_faults_are_drawn_by_the_seed_alone() -> None:
    def faults(seed: int) -> list[Fault | None]:
        settings = GeneratorSettings(seed=seed, items=0, gap=0.1, duplicate=0.2)
        return [generator.fault_of(settings, item) for item in range(2000)]

    assert faults(1) == faults(1) != faults(2)
    assert 140 < faults(1).count(Fault.GAP) < 260
    assert 320 < faults(1).count(Fault.DUPLICATE) < 480


def test_at_a_set_rate_each_item_comes_when_it_is_due_and_none_before() -> None:
    settings = GeneratorSettings(kind="encoder", items=10, rate=100, stall=(5,), stall_seconds=0.1)
    begun = time.monotonic()
    source = GeneratorSource(settings)
    source.open()
    came: dict[int, float] = {}
    while 11 not in came:
        select.select([source.pollable], [], [], TIMEOUT)
        for item in source.read(100):
            assert isinstance(item, Packet)
            came[item.number or 0] = time.monotonic() - begun
    source.close()
    for number, at in came.items():
        if number:
            assert at >= (number - 1) / 100 + (0.1 if number > 5 else 0)


def test_a_series_of_no_set_length_is_as_long_as_the_run(until: Callable[..., None]) -> None:
    settings = GeneratorSettings(kind="scan", items=0)
    assert numbers(read_all(settings, expected=9)) == [None, *range(1, 8), 8]
    source = GeneratorSource(settings)
    source.expect(None)
    source.open()
    assert len(source.read(5000)) == 5000
    source.close()


def test_pictures_that_come_again_are_the_same_and_the_rest_is_not() -> None:
    settings = GeneratorSettings(items=9, distinct=4, shape=(8, 8))
    first, *_, fifth = data(read_all(settings))[:5]
    assert (first.array == fifth.array).all()
    assert (first.number, fifth.number) == (0, 4)
    assert [each.values for each in data(read_all(settings))] == [
        truth(settings, item).values for item in range(9)
    ]
    encoder = GeneratorSettings(kind="encoder", items=6, distinct=2)
    assert [each.array.tolist() for each in data(read_all(encoder))] == [
        truth(encoder, item).array.tolist() for item in range(6)
    ]


def test_another_process_can_make_the_same_packets(link: Callable[..., Any]) -> None:
    sent = list(DEVICE.generate(kind="spectra", items=5, seed=2, noise=True))
    items = link(DEVICE).send(sent, 7)
    assert items == read_all(GeneratorSettings(kind="spectra", items=5, seed=2, noise=True))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"shape": [4]}, r"the shape of images has 2 lengths, such as \[128, 128\], not \[4\]"),
        ({"shape": [0, 4]}, "each length has to be 1 or more"),
        ({"dtype": "pixels"}, "dtype 'pixels' is no numpy type"),
        ({"kind": "scan", "dtype": "int8"}, "positions are float64"),
        ({"gap": 0.6, "corrupt": 0.6}, "no more than 1 together"),
        ({"rate": -1}, "not negative"),
        ({"kind": "movies"}, "Invalid enum value 'movies'"),
        ({"gaps": 0.1}, "unknown field `gaps`"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_with_a_sentence(
    wrong: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=sentence):
        msgspec.convert(wrong, GeneratorSettings)


def test_an_address_that_is_neither_here_nor_elsewhere_is_refused() -> None:
    with pytest.raises(ValueError, match="is no address of a generator; write generator:"):
        DEVICE.source(GeneratorSettings(url="generate")).open()


@pytest.mark.parametrize(
    "frames",
    [
        [b"{}"],
        [b'{"type":"item"}'],
        [b'{"type":"item","number":-1,"shape":[1],"dtype":"uint8"}', b"x"],
        [b'{"type":"item","number":1,"shape":[2],"dtype":"uint8"}', b"x"],
        [b'{"type":"middle"}'],
        [b'{"type":"end"}', b""],
        [b"\xff"],
    ],
)
def test_what_is_no_packet_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(MalformedPacket):
        parse(Packet("GENERATOR", list(frames)))


def test_a_pipeline_of_two_generators_needs_no_hardware() -> None:
    images = GeneratorSettings(items=20, gap=(3,), shape=(16, 16))
    scan = GeneratorSettings(kind="scan", items=20, corrupt=(7,))

    def look(event: Event) -> Any:
        first, second = event.streams["images"].parse(), event.streams["scan"].parse()
        return getattr(first, "number", None), getattr(second, "number", None)

    outcome = run_through(
        {"images": lambda: GeneratorSource(images), "scan": lambda: GeneratorSource(scan)},
        uniform(["images", "scan"], 20),
        look,
    )
    assert outcome.counts == (20, 0, 2)
    pairs = [pair for pair in outcome.results.values() if pair[0] is not None]
    assert sorted(pairs) == [(item, item) for item in range(20) if item not in (3, 7)]


def test_what_the_page_of_the_generator_shows_is_so(repository: Path) -> None:
    page = (repository / "docs/devices/generator.md").read_text()
    (example,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", example], check=True, timeout=PATIENCE)
