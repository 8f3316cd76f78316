"""A pickle that would take gigabytes is refused before anything is built; every other passes."""

from __future__ import annotations

import contextlib
import pickle
import pickletools
import random
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.pickles.memo import check_memo
from beamloom.devices.pickles.unpickle import unpickle_outline

VALUE: Any = {
    "numbers": [1, 2.5, -(10**50), 300, True, None, complex(1, 2)],
    "texts": [*map(str, range(400)), "y" * 300, b"x" * 70_000],
    "arrays": [np.arange(5), np.float32(3)],
    "sets": frozenset([1, 2]),
}


@pytest.mark.parametrize("number", [2**31 - 1, 0x28017101, 10**6])
@pytest.mark.parametrize(
    "before", [b"\x80\x02", b"", b"X\x03\x00\x00\x00abc", b"\x8c\x02ab", b"cos\nlist\n", b"K\x01M\x01\x01"]
)
def test_one_wrong_bit_does_not_take_gigabytes(before: bytes, number: int) -> None:
    for instruction in (b"r" + number.to_bytes(4, "little"), b"p%d\n" % number):
        with pytest.raises(
            MalformedPacket, match=f"stores something under the number {number}, so it is damaged"
        ):
            check_memo(before + b"]" + instruction + b".")
    begun = time.monotonic()
    with pytest.raises(MalformedPacket):
        unpickle_outline(b"\x80\x02]r" + number.to_bytes(4, "little") + b".")
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("protocol", range(6))
def test_whole_pickles_pass_in_every_protocol(protocol: int) -> None:
    octets = pickle.dumps(VALUE, protocol=protocol)
    check_memo(octets)
    check_memo(memoryview(octets))


@given(st.integers(0, 2**32), st.integers(0, 5))
def test_whatever_is_damaged_what_is_stored_far_away_is_found(seed: int, protocol: int) -> None:
    source = random.Random(seed)
    octets = bytearray(pickle.dumps({"x": np.arange(3.0), "status": "running"}, protocol=protocol))
    for _ in range(3):
        octets[source.randrange(len(octets))] = source.choice(b"rpq.X\x00\xff\nRh")
    far = False
    # What pickletools cannot follow, the unpickler refuses no later.
    with contextlib.suppress(ValueError, KeyError, IndexError):
        for code, argument, _ in pickletools.genops(bytes(octets)):
            far = far or (code.name in ("LONG_BINPUT", "PUT") and int(argument or 0) > len(octets))
    if far:
        with pytest.raises(MalformedPacket):
            check_memo(bytes(octets))


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_breaks_off_is_refused_here_or_when_it_is_read(protocol: int) -> None:
    octets = pickle.dumps([b"x" * 300, "y" * 300, "z" * 70_000, bytearray(300)], protocol=protocol)
    for stop in range(1, len(octets), 37):
        with contextlib.suppress(MalformedPacket):
            check_memo(octets[:stop])
            with pytest.raises(MalformedPacket):
                unpickle_outline(octets[:stop])


@pytest.mark.parametrize("missing", [1, 50, 2**20, 2**62])
@pytest.mark.parametrize("instruction", [b"\x96", b"\x8e", b"\x8d"])
def test_a_value_that_is_longer_than_its_pickle_is_refused_before_room_is_made_for_it(
    capfd: pytest.CaptureFixture[str], instruction: bytes, missing: int
) -> None:
    octets = b"\x80\x05" + instruction + (4 + missing).to_bytes(8, "little") + b"abc."
    with pytest.raises(MalformedPacket, match="breaks off"):
        unpickle_outline(octets)
    # Python's unpickler reports a half-filled bytearray on the error output, past everybody.
    assert capfd.readouterr().err == ""
