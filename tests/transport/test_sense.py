"""Messages whose parts contradict each other, or ask for endless work, are dropped at the mailbox and counted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.engine.accounts.faults import Failure
from beamloom.engine.accounts.ledger import LedgerNews, Loss
from beamloom.engine.streams.packet_rows import PacketRow, rows_of
from beamloom.events import Packet
from beamloom.services.reducer.batches import Batch
from beamloom.transport.channel import Received
from beamloom.transport.messages import AnyMessage, Coverage, Failed, PacketBlock, Packets, Results, Tick
from beamloom.transport.packing import pack, unpack
from beamloom.transport.sense import makes_sense
from beamloom.transport.zeromq import ZmqChannel
from support.patience import PATIENCE

BLOCK = PacketBlock("typ", 2, 1, [1, 1], 0, 0)
RESULTS = Results("run", 1, [(0, 0, 1, 3)], [1, 2], [])
FAILURE = Failure("hook", "Error", "text", "")
ENDLESS = [(0, 2**60)]


def packets(**changed: Any) -> Packets:
    return Packets("run", "camera", 0, 0, 0, 2, msgspec.structs.replace(BLOCK, **changed))


def lent(places: list[tuple[int, int, int]]) -> Packets:
    """One small frame, and one that may lie in shared memory."""
    return msgspec.structs.replace(packets(sizes=[1, 10**6]), memory="1.2.3", places=places)


def results(**changed: Any) -> Results:
    return msgspec.structs.replace(RESULTS, **changed)


SENSELESS: list[tuple[AnyMessage, Sequence[bytes]]] = [
    (packets(), []),
    (packets(), [b"x"]),
    (packets(), [b"xx", b"more"]),
    (packets(count=2**60, frames=0, sizes=[]), [b""]),
    (packets(count=0), [b"xx"]),
    (packets(count=-1), [b"xx"]),
    (packets(count=2**19, frames=2**19, sizes=[0] * 2**19), [b""]),
    (packets(frames=0), [b"xx"]),
    (packets(frames=-1), [b"xx"]),
    (packets(frames=3), [b"xx"]),
    (packets(kind=255), [b"xx"]),
    (packets(sizes=[2]), [b"xx"]),
    (packets(sizes=[-1, 3]), [b"xx"]),
    (packets(sizes=[1, 10**6]), [b"x"]),
    (lent([(0, 0, 1)]), [b"x", b"the same frame"]),
    (lent([(0, 0, 0)]), [b"x"]),
    (lent([(0, 0, 1), (0, 0, 1)]), [b"x"]),
    (lent([]), [b"x"]),
    (results(), []),
    (results(), [b"xx"]),
    (results(sizes=[1]), [b"x"]),
    (results(sizes=[-1, 4]), [b"xxx"]),
    (results(sizes=[]), [b"xxx"]),
    (results(sizes=[2]), [b"xxx"]),
    (results(spans=[]), [b"xxx"]),
    (results(spans=[(0, 0, 1, 3), (0, 0, 5, 5)]), [b"xxx"]),
    (results(spans=[(0, 0, 1, 5), (0, 0, 5, 3)]), [b"xxx"]),
    (results(spans=[(0, 0, 0, 2**60)], sizes=[0]), [b""]),
    (results(buffers=[1]), [b"xxx", b""]),
    (results(buffers=[1, 1]), [b"xxx", b""]),
    (results(buffers=[-1, 2]), [b"xxx", b""]),
    (results(combined=[ENDLESS, []]), [b"xxx"]),
    (results(combined=[[(5, 4)], []]), [b"xxx"]),
    (results(combined=[[]]), [b"xxx"]),
    (Failed("run", "worker", 0, 1, FAILURE, ENDLESS), []),
    (Coverage("run", LedgerNews(total=2**63)), []),
    (Coverage("run", LedgerNews(total=-1)), []),
    (Coverage("run", LedgerNews(reduced=[(0, 2**63)])), []),
    (Coverage("run", LedgerNews(failed=[(-1, 4)])), []),
    (Coverage("run", LedgerNews(losses=[Loss(5, 2, "it ends before it begins")])), []),
]


@pytest.fixture
def mailbox() -> Iterator[ZmqChannel]:
    channel = ZmqChannel("here")
    yield channel
    channel.close()


def test_what_contradicts_itself_is_dropped_and_counted_and_what_comes_after_it_arrives(
    mailbox: ZmqChannel, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.connect("here", mailbox.address)
    for message, buffers in SENSELESS:
        mailbox.send("here", message, buffers)
    mailbox.send("here", Tick("run"))
    received: list[Received] = []
    end = time.monotonic() + PATIENCE
    while not received and time.monotonic() < end:
        received += mailbox.receive(0.1)
    assert [one.message for one in received] == [Tick("run")]
    assert mailbox.strangers == len(SENSELESS)
    mailbox.receive(0.01)
    lines = [line for line in caplog.messages if "has turned away" in line]
    assert 1 <= len(lines) <= len(str(len(SENSELESS)))


@given(st.lists(st.lists(st.binary(max_size=5) | st.just(bytes(40_000)), max_size=3), min_size=1, max_size=5))
def test_what_is_packed_always_makes_sense(frames: list[list[bytes]]) -> None:
    for row in rows_of(Packet("typ", list(one)) for one in frames):
        assert isinstance(row, PacketRow)
        block, buffers = pack(row)
        assert makes_sense(Packets("run", "camera", 0, 0, 0, row.count, block), buffers)


_ints = st.integers(-2, 4) | st.sampled_from([2**60, -(2**60)])
_columns = st.lists(_ints, max_size=3)


@given(
    st.builds(
        PacketBlock,
        st.just("typ"),
        _ints,
        _ints,
        _columns,
        _ints,
        st.none() | _ints,
    ),
    st.lists(st.binary(max_size=6), max_size=3),
)
def test_whatever_packets_make_sense_can_be_unpacked(block: PacketBlock, buffers: list[bytes]) -> None:
    if makes_sense(Packets("run", "camera", 0, 0, 0, 0, block), buffers):
        assert len(unpack(block, buffers)) == block.count


@given(
    st.builds(
        Results,
        st.just("run"),
        _ints,
        st.lists(st.tuples(_ints, _ints, _ints, _ints), max_size=3),
        _columns,
        _columns,
    ),
    st.lists(st.binary(max_size=6), max_size=3),
)
def test_whatever_results_make_sense_can_be_taken_one_by_one(message: Results, buffers: list[bytes]) -> None:
    if makes_sense(message, buffers):
        batch = Batch(message, buffers)
        places = range(len(batch.sizes))
        assert len(places) == sum(stop - first for _, _, first, stop in message.spans)
        assert b"".join(batch.heads) == buffers[0]
        assert [frame for place in places for frame in batch.large(place)] == buffers[1:]
