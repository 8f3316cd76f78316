"""Mailboxes with keys let in who has the key, nobody else, and say so; key files are read by their owner alone."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from beamloom.transport.channel import Received
from beamloom.transport.keys import KeyFileError, Keys, new_keys, read_keys, write_keys
from beamloom.transport.messages import CONTROLLER, Tick, encode
from beamloom.transport.outboxes import COPY_BYTES
from beamloom.transport.zeromq import ZmqChannel
from support.patience import PATIENCE
from support.ports import quiet_port

KEYS = new_keys()
OTHERS = new_keys()


@pytest.fixture(scope="module", autouse=True)
def thread_of_uncopied_frames() -> None:
    """pyzmq starts one thread per process with the first uncopied frame; no test is to be blamed for it."""
    channel = ZmqChannel("first")
    channel.connect("first", channel.address)
    channel.send("first", Tick("run"), [bytes(COPY_BYTES)])
    assert until(channel, bool)
    channel.close()


@pytest.fixture
def controller() -> Iterator[ZmqChannel]:
    channel = ZmqChannel(CONTROLLER, keys=KEYS)
    yield channel
    channel.close()


@pytest.fixture
def opened() -> Iterator[Callable[[Keys | None], ZmqChannel]]:
    """Makes channels, which are closed in the end."""
    made: list[ZmqChannel] = []

    def make(keys: Keys | None) -> ZmqChannel:
        made.append(ZmqChannel(f"peer-{len(made)}", keys=keys))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


def until(channel: ZmqChannel, enough: Callable[[list[Received]], bool]) -> list[Received]:
    received: list[Received] = []
    end = time.monotonic() + PATIENCE
    while not enough(received) and time.monotonic() < end:
        received += channel.receive(0.05)
    return received


def refusal_of(channel: ZmqChannel, controller: ZmqChannel) -> str:
    end = time.monotonic() + PATIENCE
    while (refusal := channel.refusal()) is None and time.monotonic() < end:
        assert controller.receive(0.02) == []
    assert refusal is not None
    return refusal


def test_members_hear_each_other_with_frames_of_any_size(
    controller: ZmqChannel, opened: Callable[[Keys | None], ZmqChannel]
) -> None:
    worker = opened(KEYS)
    worker.connect(CONTROLLER, controller.address)
    worker.send(CONTROLLER, Tick("run"), [b"small", b"", bytes(3_000_000)])
    (one,) = until(controller, lambda received: len(received) == 1)
    assert (one.sender, one.message) == ("peer-0", Tick("run"))
    assert [len(buffer) for buffer in one.buffers] == [5, 0, 3_000_000]
    assert controller.strangers == 0
    assert worker.refusal() is None


def test_who_has_no_keys_is_told_to_name_them(
    controller: ZmqChannel, opened: Callable[[Keys | None], ZmqChannel]
) -> None:
    stranger = opened(None)
    stranger.connect(CONTROLLER, controller.address)
    stranger.send(CONTROLLER, Tick("run"))
    assert "name the key file with --keys" in refusal_of(stranger, controller)


def test_who_has_other_keys_is_told_to_copy_the_file(
    controller: ZmqChannel, opened: Callable[[Keys | None], ZmqChannel]
) -> None:
    stranger = opened(Keys(OTHERS.public, OTHERS.secret, "mine.keys"))
    stranger.connect(CONTROLLER, controller.address)
    stranger.send(CONTROLLER, Tick("run"))
    assert "does not take the key of mine.keys" in refusal_of(stranger, controller)
    until(controller, lambda received: controller.strangers >= 10)
    assert controller.strangers >= 10


def test_who_has_keys_is_told_that_the_controller_has_none(
    opened: Callable[[Keys | None], ZmqChannel],
) -> None:
    open_to_all, member = opened(None), opened(Keys(KEYS.public, KEYS.secret, "mine.keys"))
    member.connect(CONTROLLER, open_to_all.address)
    member.send(CONTROLLER, Tick("run"))
    refusal = refusal_of(member, open_to_all)
    # Whoever hangs up before its greeting is read cannot be told from one that has another key.
    assert "uses no keys, and this one has those of mine.keys" in refusal or "or none at all" in refusal


def test_who_knows_the_public_key_alone_is_turned_away(controller: ZmqChannel) -> None:
    with zmq.Context() as context, context.socket(zmq.DEALER) as intruder:
        intruder.linger = 0
        Keys(OTHERS.public, OTHERS.secret).present(intruder)
        intruder.set(zmq.CURVE_SERVERKEY, KEYS.public)
        intruder.connect(controller.address)
        intruder.send(encode("worker@1", Tick("run")))
        assert until(controller, lambda received: controller.strangers > 0) == []
    assert controller.strangers > 0


def test_sending_to_a_mailbox_that_has_turned_us_away_does_not_wait(
    controller: ZmqChannel, opened: Callable[[Keys | None], ZmqChannel]
) -> None:
    stranger = opened(None)
    stranger.connect(CONTROLLER, controller.address)
    refusal_of(stranger, controller)
    for _ in range(300):
        stranger.send(CONTROLLER, Tick("run"))
        stranger.send(CONTROLLER, Tick("run"), [bytes(COPY_BYTES), b"more"])
    assert controller.receive(0.1) == []


@pytest.mark.parametrize(
    "address", ["", "nonsense", "tcp://", "tcp://127.0.0.1:99999", "pgm://x", "tcp://\x00:1"]
)
def test_an_address_that_is_none_is_as_if_nobody_were_there(
    opened: Callable[[Keys | None], ZmqChannel], address: str
) -> None:
    member, other = opened(None), opened(None)
    member.connect("worker", address)
    member.connect(other.peer, other.address)
    member.send("worker", Tick("run"))
    member.send("worker", Tick("run"), [b"frame"])
    member.send(other.peer, Tick("other"))
    member.disconnect("worker")
    (came,) = until(other, bool)
    assert came.message == Tick("other")


def test_a_mailbox_that_is_not_there_yet_is_no_refusal(opened: Callable[[Keys | None], ZmqChannel]) -> None:
    member = opened(KEYS)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        member.connect(CONTROLLER, f"tcp://127.0.0.1:{nobody.getsockname()[1]}")
        member.send(CONTROLLER, Tick("run"))
        for _ in range(20):
            assert member.receive(0.01) == []
            assert member.refusal() is None


def test_one_broken_handshake_is_no_refusal(opened: Callable[[Keys | None], ZmqChannel]) -> None:
    member = opened(KEYS)
    with socket.create_server(("127.0.0.1", quiet_port())) as listening:
        port = listening.getsockname()[1]
        member.connect(CONTROLLER, f"tcp://127.0.0.1:{port}")
        member.send(CONTROLLER, Tick("run"))
        dies_in_the_middle, _ = listening.accept()
        dies_in_the_middle.close()
    late = ZmqChannel(CONTROLLER, port=port, keys=KEYS)
    try:
        assert [one.message for one in until(late, bool)] == [Tick("run")]
        assert member.refusal() is None
    finally:
        late.close()


def test_strangers_are_told_of_in_one_line_of_the_log(
    controller: ZmqChannel, opened: Callable[[Keys | None], ZmqChannel], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        opened(None).connect(CONTROLLER, controller.address)
    assert until(controller, lambda received: controller.strangers >= 5) == []
    controller.receive(0.01)
    assert len([line for line in caplog.messages if "who hold no key of this pipeline" in line]) == 1


def test_who_does_not_even_speak_zeromq_is_cut_off_and_disturbs_nobody(
    controller: ZmqChannel, opened: Callable[[Keys | None], ZmqChannel]
) -> None:
    worker = opened(KEYS)
    worker.connect(CONTROLLER, controller.address)
    for garbage in (b"GET / HTTP/1.1\r\n\r\n" + bytes(100), bytes(10_000), b"\xff" * 10_000):
        with socket.create_connection(("127.0.0.1", int(controller.address.rpartition(":")[2]))) as raw:
            raw.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                raw.sendall(garbage)
                while raw.recv(1000):
                    pass
    worker.send(CONTROLLER, Tick("run"))
    assert [one.message for one in until(controller, bool)] == [Tick("run")]


def test_the_mailbox_of_a_closed_channel_can_be_opened_anew_and_no_thread_stays() -> None:
    port = quiet_port()
    first = ZmqChannel("a", port=port, keys=KEYS)
    with pytest.raises(OSError, match="cannot listen"):
        ZmqChannel("b", port=port, keys=KEYS)
    first.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "doorkeeper"]
    ZmqChannel("c", port=port, keys=KEYS).close()


# ---- files ---------------------------------------------------------------------------------------------------------------------


def test_a_written_key_is_read_back_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.keys"
    write_keys(path, KEYS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_keys(path) == Keys(KEYS.public, KEYS.secret, str(path))
    assert KEYS.secret.decode() not in repr(read_keys(path))
    assert os.listdir(tmp_path) == ["pipeline.keys"]


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.keys"
    write_keys(path, KEYS)
    with pytest.raises(KeyFileError, match="is there already"):
        write_keys(path, OTHERS)
    assert read_keys(path).public == KEYS.public


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.keys"
    write_keys(path, KEYS)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="others than the owner may read the keys"):
        read_keys(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage \xff",
        b"{}",
        b'{"public": "short", "secret": "short"}',
        b'{"public": "%s", "secret": "%s"}' % (KEYS.public, OTHERS.secret),
        b'{"public": "\xc3\xa4", "secret": "%s"}' % KEYS.secret,
    ],
    ids=["empty", "garbage", "no keys", "too short", "halves of two pairs", "no ascii"],
)
def test_a_file_that_holds_no_pair_is_refused_without_showing_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pipeline.keys"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="holds no pair of keys") as refused:
        read_keys(path)
    assert OTHERS.secret.decode() not in str(refused.value)


def test_a_key_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="beamloom keys"):
        read_keys(tmp_path / "none")
