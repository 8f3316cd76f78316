"""CBOR read in place says what another library says, and finds single entries without reading the rest."""

from __future__ import annotations

import io
import math
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.encodings.cbor_views import Tag, read_entries, read_item
from beamloom.devices.fields import MalformedPacket

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=300)
)
ITEMS = st.recursive(
    LEAVES,
    lambda items: (
        st.lists(items, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.integers(0, 10), items, max_size=4)
        | st.builds(cbor2.CBORTag, st.integers(1000, 2**40), items)
    ),
    max_leaves=20,
)


def as_plain(item: Any) -> Any:
    """With bytes for views, and cbor2's tags."""
    if isinstance(item, memoryview):
        return bytes(item)
    if isinstance(item, list):
        return [as_plain(each) for each in item]
    if isinstance(item, dict):
        return {key: as_plain(value) for key, value in item.items()}
    if isinstance(item, Tag):
        return cbor2.CBORTag(item.number, as_plain(item.content))
    return item


@given(ITEMS, st.booleans())
def test_every_item_is_read_as_another_library_wrote_it(item: Any, indefinite: bool) -> None:
    written = io.BytesIO()
    cbor2.CBOREncoder(written, indefinite_containers=indefinite).encode(item)
    assert as_plain(read_item(written.getvalue())) == item


@given(st.dictionaries(st.text(max_size=4), ITEMS), st.booleans(), st.sets(st.text(max_size=4)))
def test_single_entries_are_found_among_any_others(
    items: dict[str, Any], indefinite: bool, absent: set[str]
) -> None:
    written = io.BytesIO()
    cbor2.CBOREncoder(written, indefinite_containers=indefinite).encode(items)
    wanted = {*list(items)[::2], *absent}
    found = read_entries(written.getvalue(), wanted)
    assert as_plain(found) == {key: value for key, value in items.items() if key in wanted}


def test_numbers_of_every_width_are_read() -> None:
    assert math.isnan(read_item(bytes.fromhex("f97e00")))
    assert read_item(bytes.fromhex("f93c00")) == 1.0
    assert read_item(bytes.fromhex("fa3fc00000")) == 1.5
    assert read_item(bytes.fromhex("f7")) is None
    assert [read_item(bytes.fromhex(text)) for text in ("17", "1818", "190100", "1a00010000", "3863")] == [
        23, 24, 256, 65536, -100
    ]  # fmt: skip


def test_byte_strings_stay_where_they_are() -> None:
    message = bytearray(cbor2.dumps({"data": bytes(100)}))
    view = read_item(message)["data"]
    message[-1] = 7
    assert view[99] == 7
    assert view.readonly
    assert bytes(read_item(bytes.fromhex("5f42010243030405ff"))) == b"\x01\x02\x03\x04\x05"
    assert read_item(bytes.fromhex("7f657374726561646d696e67ff")) == "streaming"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", "breaks off"),
        ("19", "breaks off"),
        ("4401", "breaks off"),
        ("5bffffffffffffffff", "breaks off"),
        ("9bffffffffffffffff", "breaks off"),
        ("9f01", "breaks off"),
        ("0000", "ends at byte 1 of 2"),
        ("1c", "begins no item"),
        ("ff", "begins no item"),
        ("1f", "begins no item"),
        ("f800", "simple value 24"),
        ("61ff", "not UTF-8"),
        ("a1f600", "neither text nor a number"),
        ("5f00ff", "parts that are none"),
        ("7f00ff", "parts that are none"),
        ("5f5f4101ffff", "parts that are none"),
        ("5f" * 10_000, "parts that are none"),
        ("81" * 1000 + "00", "deeper than"),
        ("c1" * 1000 + "00", "deeper than"),
    ],
)
def test_what_is_no_cbor_is_refused_with_a_sentence(message: str, reason: str) -> None:
    with pytest.raises(MalformedPacket, match=reason):
        read_item(bytes.fromhex(message))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    for read in (read_item, lambda octets: read_entries(octets, {"type"})):
        try:
            read(message)
        except MalformedPacket as problem:
            outcome = str(problem)
        else:
            outcome = "the message was read"
        assert outcome.startswith("the ")
