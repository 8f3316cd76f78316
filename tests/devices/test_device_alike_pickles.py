"""Pickles that are alike are read by the pattern of one of them, to the same values as by the unpickler."""

from __future__ import annotations

import pickle
import random
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from beamloom.devices import contrast, xspress3
from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pickles import alike
from beamloom.devices.pickles.alike import MOST_PATTERNS, AlikePickles
from beamloom.devices.pickles.pattern import NOT_ALIKE, pattern_of
from beamloom.devices.pickles.unpickle import unpickle

PROTOCOLS = range(2, pickle.HIGHEST_PROTOCOL + 1)


def same(one: Any, other: Any) -> bool:
    """Equal in value and type, to the bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        alike = one.dtype == other.dtype and one.shape == other.shape
        return alike and one.tobytes() == other.tobytes()
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def message(seed: int) -> dict[str, Any]:
    """Numbers in all places where senders have them."""
    chance = np.random.default_rng(seed)
    shared = chance.normal(size=1)
    return OrderedDict(
        status="running",
        real=float(chance.normal()),
        whole=int(chance.integers(128, 256)),
        negative=-int(chance.integers(1, 2**31)),
        two_bytes=int(chance.integers(2**15, 2**16)),
        read={"x": shared, "y": chance.normal(size=(2, 3)), "column": np.asfortranarray(chance.normal(size=(3, 2)))},
        again=shared,
        counts=[chance.integers(0, 2**32, 4, np.uint32), np.arange(3, dtype=">i2")],
        pair=(True, None, float(chance.normal())),
        raw=bytes(chance.integers(0, 256, 300, np.uint8)),
    )  # fmt: skip


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_pattern_of_one_message_reads_the_others(protocol: int) -> None:
    pattern = pattern_of(pickle.dumps(message(0), protocol))
    assert pattern is not None
    for seed in range(1, 30):
        sent = pickle.dumps(message(seed), protocol)
        assert same(pattern.read(sent), unpickle(sent))


def test_the_pattern_of_one_capture_reads_the_whole_of_it(
    capture: Callable[[str], list[list[bytes]]],
) -> None:
    for name in ("xspress3-dump.cbors", "xspress3mini-dump20.cbors"):
        frames = [parts[0] for parts in capture(name)[3:-1:3]]
        pattern = pattern_of(frames[0])
        assert pattern is not None
        assert all(same(pattern.read(frame), unpickle(frame)) for frame in frames)
    points = [
        frame for frame in (parts[0] for parts in capture("contrast-dump.cbors")) if b"running" in frame
    ]
    pattern = pattern_of(points[0])
    assert pattern is not None
    read = [pattern.read(point) for point in points]
    assert sum(value is not NOT_ALIKE for value in read) >= len(points) - 2
    assert all(
        same(value, unpickle(point))
        for value, point in zip(read, points, strict=True)
        if value is not NOT_ALIKE
    )


def test_what_is_read_is_new_each_time_and_may_be_written_to() -> None:
    reader = AlikePickles()
    sent = pickle.dumps(message(1))
    reader.unpickle(sent)
    first, second = reader.unpickle(sent), reader.unpickle(sent)
    first["counts"][0][:] = 0
    first["read"]["x"][:] = 0
    first["read"]["new"] = 1
    first["counts"].append(1)
    assert same(second, unpickle(sent))
    assert first["again"] is first["read"]["x"], "what was one array stays one"


def test_bytes_that_may_be_written_to_stay_so() -> None:
    pattern = pattern_of(pickle.dumps([bytearray(b"abc")], 5))
    assert pattern is not None
    assert same(pattern.read(pickle.dumps([bytearray(b"xyz")], 5)), [bytearray(b"xyz")])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_number_that_shapes_something_stays_as_it_is(protocol: int) -> None:
    pattern = pattern_of(pickle.dumps([np.arange(2.0), 1], protocol))
    assert pattern is not None
    for other in ([np.arange(2.0).reshape(2, 1), 1], [np.arange(3.0), 1], [np.arange(2), 1]):
        assert pattern.read(pickle.dumps(other, protocol)) is NOT_ALIKE
    assert same(pattern.read(pickle.dumps([np.array([7.0, 8.0]), 2], protocol)), [np.array([7.0, 8.0]), 2])


def test_keys_and_what_else_numbers_do_belong_to_what_stays() -> None:
    for value, other in (
        ({1: "a"}, {2: "a"}),
        ([complex(1, 2)], [complex(1, 3)]),
        ([np.float64(1)], [np.float64(2)]),
    ):
        sent = pickle.dumps(other)
        reader = AlikePickles()
        reader.unpickle(pickle.dumps(value))
        assert same(reader.unpickle(sent), unpickle(sent))


REAL = b"](G?\xf0\x00\x00\x00\x00\x00\x00"
FETCHED = b"q\x01cbuiltins\ncomplex\nh\x01h\x01\x86Re."


@pytest.mark.parametrize(
    "sent",
    [
        b"(lp0\nG?\xf0\x00\x00\x00\x00\x00\x002ae.",  # a copy of what lies on the stack
        REAL + FETCHED,  # a number that is fetched again, for what shows no mark
        b"\x80\x04" + REAL + b"\x95" + len(FETCHED).to_bytes(8, "little") + FETCHED,
        REAL + b"K\x010" + FETCHED,  # stored once what lay above it was dropped
        pickle.dumps([[]] * 2),
        pickle.dumps({1, 2}),
    ],
)
def test_what_uses_a_number_or_a_container_twice_is_left_to_the_unpickler(sent: bytes) -> None:
    reader = AlikePickles()
    pattern = pattern_of(sent)
    for _ in range(2):
        try:
            value = unpickle(sent)
        except MalformedPacket:
            with pytest.raises(MalformedPacket):
                reader.unpickle(sent)
        else:
            assert same(reader.unpickle(sent), value)
    changed = sent.replace(b"G?\xf0", b"G@\x08")
    if pattern is not None and changed != sent:
        read = pattern.read(changed)
        assert read is NOT_ALIKE or same(read, unpickle(changed))


def test_damaged_messages_read_as_the_unpickler_reads_them() -> None:
    chance = random.Random(5)
    whole = [pickle.dumps(message(seed), protocol) for seed, protocol in enumerate((2, 4, 5))]
    reader = AlikePickles()
    for sent in whole:
        reader.unpickle(sent)
    for _ in range(600):
        damaged = bytearray(chance.choice(whole))
        for _ in range(chance.randrange(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        cut = bytes(damaged[: chance.randrange(len(damaged))] if chance.random() < 0.1 else damaged)
        try:
            value = unpickle(cut)
        except MalformedPacket:
            with pytest.raises(MalformedPacket):
                reader.unpickle(cut)
        else:
            assert repr(reader.unpickle(cut)) == repr(value)


def test_patterns_are_few_and_the_newest_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def counted(octets: bytes) -> Any:
        made.append(octets)
        return pattern_of(octets)

    monkeypatch.setattr(alike, "pattern_of", counted)
    reader = AlikePickles()
    for size in range(1, 500):
        assert same(reader.unpickle(pickle.dumps(np.zeros(size))), np.zeros(size))
    assert MOST_PATTERNS <= len(made) < MOST_PATTERNS + 10, "not a pattern for each that is like none before"
    before = len(made)
    for value in range(50):
        reader.unpickle(pickle.dumps(np.full(448, float(value))))
    assert len(made) == before


def test_the_simulators_of_contrast_and_xspress3_send_what_is_alike() -> None:
    points = [sent[0] for sent in contrast.generate(panda=True)][1:-1]
    counts = [sent[2] for sent in list(xspress3.generate(frames=10, windows=True))[1:-1]]
    for frames in (points, counts):
        pattern = pattern_of(frames[0])
        assert pattern is not None
        assert all(pattern.read(frame) is not NOT_ALIKE for frame in frames)
