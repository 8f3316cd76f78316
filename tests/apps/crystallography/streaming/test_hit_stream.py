"""Hits over real sockets, to clients that behave as CrystFEL's do."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import zmq

from apps.crystallography.streaming.clients import as_crystfel_reads, crystfel_like, numbered
from apps.crystallography.streaming.offering import PEAKS, info, offer, settle, streaming
from beamloom.apps.crystallography.streaming import HitStream, StreamError, StreamSettings
from support.patience import PATIENCE
from support.ports import quiet_address


def test_each_hit_goes_to_one_client_with_its_own_pixels() -> None:
    with streaming() as stream, crystfel_like(stream.settings.address, 2) as clients:
        offer(stream, *range(40))
        got: list[int] = []
        for turn in range(40):
            hit = clients[turn % 2].next_hit(PATIENCE)
            assert hit is not None
            (number,) = np.unique(hit["image"])
            assert hit["event_id"] == info(int(number)).event_id
            got.append(int(number))
        for client in clients:
            client.ask()
        settle(stream)
        assert got == list(range(40))
        counts = stream.statistics()
        assert (counts.offered, counts.taken, counts.handed_again) == (40, 40, 0)


def test_hits_of_a_client_that_is_killed_go_to_the_other(repository: Path) -> None:
    with streaming() as stream:
        program = [sys.executable, "-m", "apps.crystallography.streaming.clients", stream.settings.address]
        with subprocess.Popen(
            program, cwd=repository / "tests", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as victim:
            try:
                assert victim.stdin is not None
                assert victim.stdout is not None
                offer(stream, *range(20))
                done = []
                for _ in range(5):
                    done.append(int(victim.stdout.readline()))
                    victim.stdin.write("go on\n")
                    victim.stdin.flush()
                killed_with = int(victim.stdout.readline())
            finally:
                victim.kill()
        with crystfel_like(stream.settings.address) as (other,):
            rest: list[int] = []
            while len(rest) < 15:
                hit = other.next_hit(PATIENCE)
                assert hit is not None
                rest.append(int(hit["image"][0, 0]))
            other.ask()
            settle(stream)
        assert (done, killed_with) == ([0, 1, 2, 3, 4], 5)
        assert sorted(rest) == list(range(5, 20))
        counts = stream.statistics()
        assert (counts.taken, counts.handed_again) == (20, 1)


def test_a_slow_client_holds_up_nobody() -> None:
    with streaming() as stream, crystfel_like(stream.settings.address, 2) as (slow, quick):
        slow.ask()
        offer(stream, 0)
        assert slow.look(PATIENCE) is not None
        offer(stream, *range(1, 31))
        for number in range(1, 31):
            hit = quick.next_hit(PATIENCE)
            assert hit is not None
            assert hit["image"][0, 0] == number
        quick.ask()
        assert stream.statistics().handed_again == 0
        slow.ask()
        settle(stream)
        assert stream.statistics().taken == 31


def test_a_client_that_never_asks_gets_nothing_and_costs_nothing() -> None:
    with streaming() as stream, crystfel_like(stream.settings.address, 2) as (_silent, other):
        offer(stream, *range(10))
        for _ in range(10):
            assert other.next_hit(PATIENCE) is not None
        other.ask()
        settle(stream)
        assert stream.statistics().taken == 10


def test_when_nobody_asks_the_oldest_hits_go_and_are_counted() -> None:
    one = numbered(0).nbytes
    with streaming(memory_bytes=40 * one) as stream:
        for number in range(200):
            while not stream.offer(number, numbered(number), PEAKS, info(number)):
                pytest.fail("dropped before it was seen") if stream.failure else None
        counts = stream.statistics()
        assert counts.offered - counts.dropped == counts.waiting
        with crystfel_like(stream.settings.address) as (client,):
            first = client.next_hit(PATIENCE)
            assert first is not None
            counts = stream.statistics()
            assert counts.dropped > 100
            assert counts.memory_bytes <= 40 * one
            assert first["image"][0, 0] > 100


def test_a_client_that_closes_and_comes_again_is_served() -> None:
    with streaming() as stream:
        offer(stream, *range(6))
        got = []
        for _ in range(3):
            with crystfel_like(stream.settings.address) as (client,):
                hit = client.next_hit(PATIENCE)
                assert hit is not None
                got.append(int(hit["image"][0, 0]))
                client.ask()
                answer = client.look(PATIENCE)
                assert answer is not None
                got.append(int(as_crystfel_reads(answer)["image"][0, 0]))
        # What it had when it closed came to the next one.
        assert got == [0, 1, 1, 2, 2, 3]


def test_clients_that_wait_are_told_so_and_served_later() -> None:
    with streaming(keep_alive=0.05) as stream, crystfel_like(stream.settings.address, 3) as clients:
        for client in clients:
            client.ask()
        for client in clients:
            assert client.look(PATIENCE) == b"nothing yet"
        for client in clients:
            client.ask()
        stream.finish()
        for client in clients:
            answers = [client.look(PATIENCE)]
            while answers[-1] == b"nothing yet":
                client.ask()
                answers.append(client.look(PATIENCE))
            assert answers[-1] == b"run is over"
        stream.begin("run-2")
        offer(stream, 5)
        assert clients[1].next_hit(PATIENCE) is not None


def test_many_clients_get_equal_shares() -> None:
    with streaming() as stream, crystfel_like(stream.settings.address, 30) as clients:
        shares = dict.fromkeys(range(30), 0)
        for client in clients:
            client.ask()
        end = time.monotonic() + PATIENCE
        while stream.statistics().asking < 30 and time.monotonic() < end:
            assert stream.wait_until_settled(1.0)
        for number in range(90):
            offer(stream, number)
        while sum(shares.values()) < 90 and time.monotonic() < end:
            for index, client in enumerate(clients):
                answer = client.look(0.0)
                if answer is not None:
                    shares[index] += len(answer) > 15
                    client.ask()
        assert sum(shares.values()) == 90
        assert min(shares.values()) >= 1


def test_others_may_ask_how_it_goes() -> None:
    with streaming() as stream, crystfel_like(stream.settings.address) as (client,):
        stream.tell({"adc_threshold": 25.0, "panels": ("p0", "p1")})
        offer(stream, 1, 2)
        assert client.next_hit(PATIENCE) is not None
        said = msgpack.unpackb(client.say(b"statistics"))
        while said["offered"] < 2:
            said = msgpack.unpackb(client.say(b"statistics"))
        assert (said["offered"], said["handed"], said["waiting"], said["run_over"]) == (2, 1, 1, False)
        assert msgpack.unpackb(client.say(b"parameters")) == {"adc_threshold": 25.0, "panels": ["p0", "p1"]}
        assert not stream.reset_asked()
        assert client.say(b"reset") == b"ok"
        assert stream.reset_asked()
        assert not stream.reset_asked()
        assert client.say(b"nonsense") == b"What?"
        assert stream.statistics().taken == 0, "only asking for more says that a hit is done"


def test_frames_and_results_are_published_to_those_who_listen() -> None:
    address = f"tcp://{quiet_address()}"
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    listener = context.socket(zmq.SUB)
    listener.linger = 0
    listener.subscribe(b"ondaframedata")
    listener.subscribe(b"ondadata")
    try:
        with streaming(broadcast_address=address, frames_per_second=1000.0) as stream:
            assert not stream.wants_frame()
            listener.connect(address)
            end = time.monotonic() + PATIENCE
            seen: dict[bytes, Any] = {}
            while len(seen) < 2 and time.monotonic() < end:
                stream.show(numbered(3), PEAKS, info(3))
                stream.publish({"hit_rate": np.float32(0.5), "powder": np.arange(4)})
                if listener.poll(100):
                    topic, message = listener.recv_multipart()
                    seen[topic] = message
        assert as_crystfel_reads(seen[b"ondaframedata"])["image"][0, 0] == 3
        results = msgpack.unpackb(seen[b"ondadata"], strict_map_key=False)
        assert results["hit_rate"] == 0.5
        assert results["powder"][b"shape"] == [4]
    finally:
        listener.close()
        context.term()


def test_hits_that_wait_on_disk_are_streamed_and_leave_no_file(tmp_path: Path) -> None:
    one = numbered(0).nbytes
    with streaming(memory_bytes=8 * one, when_full="spill", folder=tmp_path) as stream:
        for number in range(50):
            while not stream.offer(number, numbered(number), PEAKS, info(number)):
                assert stream.wait_until_settled(0.01) is False
        overrun = stream.statistics().dropped
        with crystfel_like(stream.settings.address) as (client,):
            got: list[int] = []
            while len(got) < 50:
                hit = client.next_hit(PATIENCE)
                assert hit is not None
                got.append(int(hit["image"][0, 0]))
            client.ask()
            settle(stream)
        assert got == list(range(50))
        assert stream.statistics().dropped == overrun, "only those that were refused, and offered once more"
        assert list(tmp_path.rglob("*.msgpack")) == []
    assert [path.name for path in tmp_path.iterdir()] == ["run-1.taken"]


def test_hits_that_were_taken_are_not_handed_out_by_the_next_process(tmp_path: Path) -> None:
    with streaming(folder=tmp_path) as stream, crystfel_like(stream.settings.address) as (client,):
        offer(stream, *range(6))
        for _ in range(4):
            assert client.next_hit(PATIENCE) is not None
    with streaming(folder=tmp_path) as stream, crystfel_like(stream.settings.address) as (client,):
        offer(stream, *range(8))
        got = []
        for _ in range(5):
            hit = client.next_hit(PATIENCE)
            assert hit is not None
            got.append(int(hit["image"][0, 0]))
        client.ask()
        stream.finish()
        settle(stream)
        # The client had hit 3 when the first process ended, and had not asked for more.
        assert got == [3, 4, 5, 6, 7]
        assert stream.statistics().repeated == 3
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_was_cut_off_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "run-1.taken").write_text("0\n1\n12")
    with streaming(folder=tmp_path) as stream, crystfel_like(stream.settings.address) as (client,):
        offer(stream, 0, 1, 2, 12)
        for number in (2, 12):
            hit = client.next_hit(PATIENCE)
            assert hit is not None
            assert hit["image"][0, 0] == number
        client.ask()
        settle(stream)
    assert (tmp_path / "run-1.taken").read_text() == "0\n1\n2\n12\n"


def test_what_a_killed_process_left_on_disk_is_removed_and_that_of_living_ones_is_not(tmp_path: Path) -> None:
    left = tmp_path / "waiting-hits-of-the-dead"
    left.mkdir()
    (left / "lock").touch()
    (left / "1.msgpack").write_bytes(b"x" * 100)
    with streaming(when_full="spill", folder=tmp_path), streaming(when_full="spill", folder=tmp_path):
        assert not left.exists()
        assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2


def test_the_next_run_has_the_same_sockets_and_its_waiting_clients() -> None:
    context: dict[Any, Any] = {}
    settings = StreamSettings(address=f"tcp://{quiet_address()}")
    try:
        first = HitStream.of(context, settings)
        first.begin("one")
        with crystfel_like(settings.address) as (client,):
            offer(first, 0)
            assert client.next_hit(PATIENCE) is not None
            client.ask()
            settle(first)
            first.finish()
            second = HitStream.of(context, settings)
            second.begin("two")
            assert second is first
            offer(second, 0)
            answer = client.look(PATIENCE)
            while answer is not None and len(answer) <= 15:
                client.ask()
                answer = client.look(PATIENCE)
            assert answer is not None
    finally:
        HitStream.close_of(context)
    assert context == {}


def test_an_address_that_is_taken_is_refused_with_a_sentence() -> None:
    with streaming() as stream:
        with pytest.raises(StreamError, match="give other addresses, or end what listens there"):
            HitStream(stream.settings)


def test_clients_connect_by_a_file_as_well(tmp_path: Path) -> None:
    with streaming(address=f"ipc://{tmp_path}/hits") as stream:
        offer(stream, 0, 1)
        for expected in (0, 0):
            with crystfel_like(stream.settings.address) as (client,):
                hit = client.next_hit(PATIENCE)
                assert hit is not None
                assert hit["image"][0, 0] == expected


def test_a_frame_keeps_no_more_in_memory_than_itself() -> None:
    batch = np.zeros((50, 16, 24), np.uint16)
    batch[7] = 7
    with streaming() as stream:
        stream.offer(7, batch[7], PEAKS, info(7))
        with crystfel_like(stream.settings.address) as (client,):
            end = time.monotonic() + PATIENCE
            while msgpack.unpackb(client.say(b"statistics"))["waiting"] == 0 and time.monotonic() < end:
                stream.wait_until_settled(0.01)
            # That it may not be changed is so that it need not be copied; here it is a way to see that it was.
            batch[7] = 9
            hit = client.next_hit(PATIENCE)
            assert hit is not None
            assert hit["image"][0, 0] == 7


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"when_full": "block"}, "drop_oldest, drop_newest, spill"),
        ({"when_full": "spill"}, "there is no folder"),
        ({"keep_alive": 5.0}, "CrystFEL waits for 3"),
        ({"address": "127.0.0.1:5000"}, "tcp://HOST:PORT"),
        ({"address": ""}, "tcp://HOST:PORT"),
        ({"memory_bytes": 0}, "1 or more"),
        ({"patience": 0.0}, "leave it out"),
        ({"pixels": "uint16"}, "float32, int32"),
        ({"frames_per_second": 0.0}, "above 0"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_what_to_do(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(StreamError, match=said):
        StreamSettings(**wrong)


def test_clients_of_a_process_that_was_killed_are_woken() -> None:
    address = f"tcp://{quiet_address()}"
    with crystfel_like(address, 2) as clients:
        former: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        router = former.socket(zmq.ROUTER)
        router.linger = 0
        router.bind(address)
        for client in clients:
            client.ask()
        for _ in clients:
            router.recv_multipart()
        router.close()
        former.term()
        with streaming(address=address, wake_after=0.2) as stream:
            offer(stream, *range(10))
            got = []
            for turn in range(10):
                hit = clients[turn % 2].next_hit(PATIENCE)
                assert hit is not None
                got.append(int(hit["image"][0, 0]))
            for client in clients:
                client.ask()
            settle(stream)
            assert sorted(got) == list(range(10))
            assert [client.told_nothing for client in clients] == [1, 1]


def test_a_client_that_asks_as_it_is_woken_loses_nothing() -> None:
    with streaming(wake_after=0.2) as stream, crystfel_like(stream.settings.address, 20) as clients:
        begin = time.monotonic()
        offer(stream, *range(60))
        # Each begins a little later, some of them as they are woken.
        late = {index: begin + 0.1 + 0.01 * index for index in range(20)}
        got: list[int] = []
        while len(got) < 60 and time.monotonic() < begin + PATIENCE:
            for index, client in enumerate(clients):
                if time.monotonic() < late[index]:
                    continue
                hit = client.next_hit(0.01)
                if hit is not None:
                    got.append(int(hit["image"][0, 0]))
        for client in clients:
            client.next_hit(0.01)
        assert sorted(got) == list(range(60))


def test_clients_that_ask_and_are_gone_before_the_answer_end_nothing() -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with streaming(attempts=1000) as stream, crystfel_like(stream.settings.address) as (client,):
        for number in range(40):
            with context.socket(zmq.DEALER) as rude:
                rude.linger = 100
                rude.connect(stream.settings.address)
                for what in (b"next", b"statistics", b"x" * 100):
                    rude.send_multipart([b"", what])
            offer(stream, number)
        offer(stream, *range(100, 105))
        got: set[int] = set()
        while not got >= set(range(100, 105)):
            hit = client.next_hit(PATIENCE)
            assert hit is not None, f"{got}, {stream.statistics()}, {stream.failure}"
            got.add(int(hit["image"][0, 0]))
        assert stream.failure is None
    context.term()


def test_clients_that_vanish_within_a_millisecond_of_asking_keep_no_hit() -> None:
    waits = itertools.cycle((0.0, 0.0003, 0.0006, 0.001, 0.0015, 0.002, 0.004))
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with streaming(attempts=1000) as stream:
        offer(stream, *range(40))
        for _ in range(120):
            with context.socket(zmq.DEALER) as ghost:
                ghost.linger = 1
                ghost.connect(stream.settings.address)
                ghost.send_multipart([b"", b"next"])
                end = time.perf_counter() + next(waits)
                while time.perf_counter() < end:
                    pass
        got: set[int] = set()
        with crystfel_like(stream.settings.address, 2) as clients:
            for client in itertools.cycle(clients):
                hit = client.next_hit(0.5)
                if hit is not None:
                    got.add(int(hit["image"][0, 0]))
                counts = stream.statistics()
                if counts.taken == 40:
                    break
                assert counts.dropped + counts.given_up + counts.unkept == 0
        assert stream.failure is None
        assert counts.offered == counts.taken + counts.waiting + counts.handed
        assert got == set(range(40))
    context.term()
