"""LeCroy: messages find together into sequences, a lost one costs its own, and an analysis sees traces."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.devices.fields import MalformedPacket
from beamloom.devices.lecroy import DEVICE, LecroyEnd, LecroyParsed, LecroyPrepare, generate, parse
from beamloom.devices.lecroy.sequences import TYP, LecroyReader
from beamloom.events import Malformed, Packet, PacketKind
from devices.reading import numbers, problems, taken


def read(messages: list[list[bytes]]) -> list[Packet | Malformed]:
    return taken(LecroyReader(), messages)


def small(**options: Any) -> list[list[bytes]]:
    return list(generate(**{"sequences": 3, "burst": 2, "points": 5, **options}))


@pytest.mark.parametrize(
    ("name", "traces", "time", "highest"),
    [
        ("maui-02-continuous-3.cbor.gz", 1, 1740563664.335, 0.1675630532008654),
        ("maui-02-sequential-3.cbor.gz", 20, 1740736919.435, 0.022609806155742262),
    ],
)
def test_the_captures_give_their_4_packets_over_the_socket(
    name: str,
    traces: int,
    time: float,
    highest: float,
    link: Callable[..., Any],
    capture: Callable[[str], list[list[bytes]]],
) -> None:
    items = link(DEVICE).send(capture(name), 4)
    assert [item.kind for item in items] == [
        PacketKind.START,
        PacketKind.DATA,
        PacketKind.DATA,
        PacketKind.END,
    ]
    assert numbers(items) == [None, 1, 2, 3]
    assert [item.length for item in items] == [1, 8, 8, 1]
    prepare, first, last, end = (item.parse() for item in items)
    assert isinstance(prepare, LecroyPrepare)
    assert isinstance(end, LecroyEnd)
    assert end.frames == 4
    for sequence in (first, last):
        assert isinstance(sequence, LecroyParsed)
        assert sequence.channels == [meta.ch for meta in sequence.meta] == [2, 4]
        assert [traces.shape for traces in sequence.data] == [(traces, 8002)] * 2
        assert [len(times) for times in sequence.timestamps] == [traces] * 2
        assert sequence.meta[0].horiz_interval == 1.25000001668929e-11
    assert last.data[0].max(axis=1)[0] == highest
    assert last.timestamps[0][0] == pytest.approx(time, abs=1e-6)
    assert not last.data[0].flags.writeable


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("first_frame", [0, 7])
def test_a_generated_series_reads_like_a_captured_one(continuous: bool, first_frame: int) -> None:
    voltages = [np.full((3, 1, 4), value) for value in (0.25, 0.5)]
    sent = list(generate(traces=voltages, channels=(1, 2, 4), continuous=continuous, first_frame=first_frame))
    items = read(sent)
    assert numbers(items) == [None, 1, 2, 3]
    prepare, first, second, end = (item.parse() for item in items if isinstance(item, Packet))
    assert (prepare.frame, end.frame, end.frames) == (first_frame, first_frame + 6, 6)
    assert first.data[2].tolist() == [[0.25] * 4]
    assert second.data[0].tolist() == [[0.5] * 4]
    assert first.ntriggers == (-1 if continuous else 1)


@given(st.sets(st.integers(1, 12), max_size=4), st.booleans())
def test_a_lost_message_costs_its_sequence_and_no_other(lost: set[int], continuous: bool) -> None:
    sent = small(continuous=continuous)
    whole = {}
    if continuous:
        # prepared, begin, then (traces, traces, end) three times
        whole = {number: {1, *range(3 * number - 1, 3 * number + 2)} for number in (1, 2, 3)}
    else:
        whole = {number: set(range(4 * number - 3, 4 * number + 1)) for number in (1, 2, 3)}
    items = read(
        [message for place, message in enumerate(sent) if place not in lost or place == len(sent) - 1]
    )
    lost = lost - {len(sent) - 1}
    good = [number for number, places in whole.items() if not places & lost]
    found = numbers(items)
    assert found[:-1] == [None, *good]
    # Without any begin nobody knows how many channels the count is of.
    if all(item not in lost for item in ({1} if continuous else {1, 5, 9})):
        assert found[-1] == 4
    for item in items:
        if isinstance(item, Packet) and item.kind is PacketKind.DATA:
            assert item.number is not None
            frames = [frame for place in sorted(whole[item.number]) for frame in sent[place]]
            assert item.frames == frames


@pytest.mark.parametrize(
    "lost",
    [
        {5, 7, 9},  # continuous: one channel of two sequences each, with one end
        {5, 6, 7, 8, 10},
    ],
)
def test_parts_of_two_sequences_never_make_one(lost: set[int]) -> None:
    for continuous in (True, False):
        sent = small(continuous=continuous)
        for item in read([message for place, message in enumerate(sent) if place not in lost]):
            if isinstance(item, Packet) and item.kind is PacketKind.DATA:
                frames = {json.loads(frame).get("frame") for frame in item.frames[1:-1:3]}
                assert frames == {2 * (item.number or 0) - 2, 2 * (item.number or 0) - 1}
    begin_of_second = [*small()[:6], *small()[10:]]
    assert numbers(read(begin_of_second)) == [None, 1, 4]


@pytest.mark.parametrize(
    ("lost", "reason"),
    [
        (5, "the begin of the sequence did not come"),
        (6, "the traces of channel 2 did not come"),
        (7, "the traces of channel 4 did not come"),
        (8, "the end of the sequence did not come"),
    ],
)
def test_the_sentence_says_what_is_missing(lost: int, reason: str) -> None:
    sent = small()
    del sent[lost]
    assert problems(read(sent)) == [reason]


def test_a_series_that_follows_is_numbered_from_its_own_preparation() -> None:
    sent = [*small(sequences=2), *small(sequences=1, first_frame=4)]
    assert numbers(read(sent)) == [None, 1, 2, 3, None, 1, 2]


def changed(message: list[bytes], **fields: Any) -> list[bytes]:
    """The message with other fields in its JSON object; those that are None are taken out."""
    head = {**json.loads(message[0]), **fields}
    head = {name: value for name, value in head.items() if value is not None}
    return [json.dumps(head).encode(), *message[1:]]


def test_a_preparation_that_counts_further_than_its_first_sequence_is_not_believed() -> None:
    sent = small()
    assert numbers(read([changed(sent[0], frame=40), *sent[1:]])) == [None, 1, 2, 3, 4]


def test_an_oscilloscope_that_does_not_count_is_followed_by_order() -> None:
    sent = [changed(message, frame=None) for message in small()]
    assert numbers(read(sent)) == [None, 1, 2, 3, 4]
    del sent[5]
    items = read(sent)
    assert problems(items) == ["the begin of the sequence did not come"]
    assert numbers(items) == [None, 1, 3, 4]


def damaged(**changes: Any) -> list[bytes]:
    (head, blob, times) = small()[6]
    fields = json.loads(head)
    return [json.dumps({**fields, **changes}).encode(), blob, times]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (damaged(shape=[2, 6]), "80 bytes, but shape [2, 6] of float64 takes 96"),
        (damaged(shape=[-1]), "no length is negative"),
        (damaged(dtype="O"), "type 'O'"),
        (damaged(dtype=None), "no shape or no dtype"),
        ([*damaged()[:2], pickle.dumps({"t": 1})], "not the list of times"),
        ([*damaged()[:2], b"\x80junk"], "pickle"),
    ],
)
def test_traces_that_cannot_be_read_cost_their_sequence(bad: list[bytes], reason: str) -> None:
    sent = small()
    items = read([*sent[:6], bad, *sent[7:]])
    (problem,) = problems(items)
    assert reason in problem
    assert numbers(items) == [None, 1, 3, 4]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ([b"{]"], "no JSON header"),
        ([b'{"htype": "msg", "what": 7}'], "htype 'msg' and what 7"),
        ([b'{"htype": "picture"}'], "htype 'picture'"),
        ([b'{"htype": "msg", "what": 2}', b""], "a control message has one frame, this one has 2"),
        (damaged()[:2], "traces come in 3 frames, these in 2"),
    ],
)
def test_messages_that_cannot_be_read_beside_the_others_cost_nothing(bad: list[bytes], reason: str) -> None:
    sent = small()
    items = read([*sent[:7], bad, *sent[7:]])
    (problem,) = problems(items)
    assert reason in problem
    assert numbers(items) == [None, 1, 2, 3, 4]


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_times_that_bring_code_run_nothing(tmp_path: Path) -> None:
    sent = small()
    sent[6][2] = pickle.dumps([Bomb(tmp_path / "was-here")])
    (problem,) = problems(read(sent))
    assert "posix.mkdir" in problem
    with pytest.raises(MalformedPacket, match=r"posix\.mkdir"):
        parse(Packet(TYP, [frame for message in sent[5:9] for frame in message]))
    assert not (tmp_path / "was-here").exists()


@given(st.lists(st.tuples(st.integers(0, 13), st.integers(0, 2), st.integers(0, 400), st.binary(max_size=3))))
def test_no_order_of_whole_and_damaged_messages_raises(order: list[tuple[int, int, int, bytes]]) -> None:
    sent = small()
    reader, items = LecroyReader(), list[Packet | Malformed]()
    for place, part, cut, junk in order:
        message = list(sent[place])
        if junk and part < len(message):
            message[part] = message[part][:cut] + junk
        before = len(items)
        reader.take(message, items)
        assert len(items) - before <= 2
    for item in items:
        if isinstance(item, Packet) and item.kind is PacketKind.DATA:
            assert isinstance(parse(item), LecroyParsed)


@pytest.mark.parametrize(
    "frames", [[b'{"htype": "msg", "what": 2}'], [b'{"htype": "msg", "what": 1}', b"{}", b"{}"]]
)
def test_a_packet_that_does_not_follow_the_protocol_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(MalformedPacket):
        parse(Packet(TYP, frames))
