"""A pipeline that is attacked at all its ports in the middle of a run: the result is the one of the inline pipeline.

With keys and tokens nothing changes whatever is sent. Without, on loopback, nothing changes by what is malformed; what a forged message
may do there that is well-formed is accepted (decision 0030). ``BEAMLOOM_DEEP=1`` attacks for longer.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from beamloom.access import new_tokens, write_tokens
from beamloom.analysis import ReducerAnalysis, load_class
from beamloom.devices.stins import StinsReader
from beamloom.engine.accounts.faults import Failure
from beamloom.events import Malformed, Packet
from beamloom.services.inline import InlinePipeline, InlineWorker
from beamloom.services.worker.user_map import Map
from beamloom.transport.keys import new_keys, write_keys
from beamloom.transport.messages import (
    Arm,
    Failed,
    Fence,
    Finish,
    Leaving,
    LogRecords,
    Orders,
    PacketBlock,
    Packets,
    Register,
    Results,
    encode,
)
from beamloom.triggermap import TriggerMap
from chaos.oracle import Read
from live.attackers import MARK, Attack, Frames, listening_ports, most_memory, whatever_is_allowed
from live.pipelines import ANALYSES, Bench, Live, check_each_once, of_camera, running, wait_until
from live.series import open_map, pictures, pictures_until, uniform_map

pytestmark = [pytest.mark.processes, pytest.mark.timeout(200)]

DEEP = bool(os.environ.get("BEAMLOOM_DEEP"))
ROUNDS = 6 if DEEP else 1
LETTERS = 700 if DEEP else 200
RATE = 300.0
MEMORY = 256 << 20
"""Bytes that a process may have more at any moment than before the attack; announced are 4 GiB by each connection."""


def oracle(events: int) -> dict[str, Any]:
    """What the analysis makes of the same pictures in one process."""
    packets: list[Packet | Malformed] = []
    reader = StinsReader()
    for message in pictures(events):
        reader.take(list(message), packets)
    analysis = ReducerAnalysis(load_class("pictures:Reducer", str(ANALYSES)))
    worker = InlineWorker("worker", ("generic",), lambda: Map(load_class("pictures:Worker", str(ANALYSES))))
    with InlinePipeline({"camera": lambda: Read(packets)}, [worker], lambda: analysis) as pipeline:
        pipeline.play(TriggerMap.from_json(uniform_map(["camera"], events)))
        return dict(analysis.publish)


def forged(run: str, peers: dict[str, str]) -> list[Frames]:
    """Messages in the names of members, which would harm the run."""
    nowhere = "tcp://127.0.0.1:1"
    worker, reducer, ingester = peers["worker-1"], peers["reducer"], peers["camera-ingester"]
    block = PacketBlock("stins", 1, 1, [8], 1, 0)
    letters: list[tuple[str, Any, Frames]] = [
        ("controller", Finish(run), []),
        ("controller", Orders(run, gone=list(peers.values()), stop_sources=True), []),
        ("controller", Arm(MARK, (reducer, nowhere), {worker: nowhere}, {}, 0, {}, None, 1.0), []),
        ("controller", Fence(run, worker), []),
        (worker, Leaving(MARK), []),
        (ingester, Leaving(MARK), []),
        (
            worker,
            LogRecords([{"msg": MARK, "levelname": "ERROR", "name": MARK, "lineno": "1", "created": "1"}]),
            [],
        ),
        (worker, Results(run, 0, [(0, 0, 1, 2)], [8], []), [MARK.encode()]),
        (worker, Failed(run, worker, 0, 1, Failure("process_event", MARK, MARK, MARK)), []),
        (ingester, Packets(run, "camera", 0, 0, 1, 1, block), [MARK.encode()]),
        (f"worker-1@{MARK}", Register("worker-1", "worker", nowhere, "here", 1, "0", tags=["generic"]), []),
        (f"{MARK}@{MARK}", Register(MARK, "worker", nowhere, "here", 1, "0", tags=["generic"]), []),
    ]
    return [[encode(sender, message), *frames] for sender, message, frames in letters]


def malformed(run: str, peers: dict[str, str]) -> list[Frames]:
    """What no member sends: cut off, contradicting itself, without end, or no message at all."""
    worker, ingester = peers["worker-1"], peers["camera-ingester"]
    whole = forged(run, peers)
    cut = [[head[:length]] for head, *_ in whole for length in {0, 1, len(head) // 2, len(head) - 1}]
    endless = Failure("process_event", MARK, MARK, MARK)
    letters: list[tuple[str, Any, Frames]] = [
        ("controller", Arm("../" + MARK, ("r", "tcp://"), {}, {}, 0, {}, None, 1.0), []),
        (worker, Results(run, 0, [(0, 0, 1, 2**60)], [8], []), [MARK.encode()]),
        (worker, Results(run, 0, [(0, 0, 1, 2)], [2**40], []), [MARK.encode()]),
        (worker, Results(run, 0, [(0, 0, 1, 2)], [8], []), []),
        (worker, Failed(run, worker, 0, 1, endless, [(0, 2**60)]), []),
        (ingester, Packets(run, "camera", 0, 0, 1, 1, PacketBlock("stins", 2**50, 1, [8], 1, 0)), [b""]),
        (ingester, Packets(run, "camera", 0, 0, 1, 1, PacketBlock("stins", 1, 1, [-8], 1, 0)), [b"", b""]),
        (ingester, Packets(run, "camera", 0, 0, 1, 1, PacketBlock("stins", 1, 1, [8], 77, 0)), [bytes(8)]),
        (MARK, Register(MARK * 1000, "worker", "tcp://127.0.0.1:1", "here", 1, "0"), []),
    ]
    return [
        *cut,
        *([encode(sender, message), *frames] for sender, message, frames in letters),
        [b""] * 1000,
        [os.urandom(100)],
        [bytes(1 << 20)] * 4,
        [b"\xc1" + MARK.encode()],
    ]


def peers_of(live: Live) -> dict[str, str]:
    """The ids of the present lives of all members, by name."""
    config = live.get("config")
    members = [*config["workers"], *config["ingesters"], *([config["reducer"]] if config["reducer"] else [])]
    return {str(one["name"]): str(one["service_uuid"]) for one in members}


def pids_of(live: Live) -> dict[str, int | None]:
    """The processes by name."""
    return {status.name: status.pid for status in live.placement.status()}


def survives(live: Live, camera: Bench, attack_with: Any) -> None:
    """A run that is attacked gives what it gives by itself, and its processes go on as they were."""
    run = live.arm(open_map(["camera"]))
    before, peers = pids_of(live), peers_of(live)
    pids = [pid for pid in before.values() if pid is not None]
    ports = listening_ports(pids)
    assert set(ports.values()) == set(pids), "each process has at least its mailbox"
    memory = {pid: most_memory(pid) for pid in pids}
    attack: Attack = attack_with(ports, run, peers)
    camera.play("camera", pictures_until(attack.done), rate=RATE)
    wait_until(lambda: live.completed(50), "the first events", live.state)
    with attack:
        wait_until(attack.done.is_set, "the rounds of the attack", live.state, 150)
        end = live.finished(60)
    assert (end["failed"], end["lost"], end["redelivered"]) == (0, 0, 0), live.state()
    events = end["total_events"] - 2
    assert end["reduced"] == end["total_events"]
    check_each_once(live, events)
    assert live.published()["pictures"] == oracle(events)["pictures"]
    assert pids_of(live) == before
    assert peers_of(live) == peers
    assert {
        pid: most_memory(pid) - had for pid, had in memory.items() if most_memory(pid) - had > MEMORY
    } == {}
    told = {name: live.placement.output(name) for name in before}
    assert all(any("turned away" in line for line in lines) for lines in told.values()), told
    assert [line for lines in told.values() for line in lines if re.search("Traceback|ERROR", line)] == []
    shown = [line for lines in told.values() for line in lines]
    shown += [
        str(live.get(path)) for path in ("status", "config", "errors", "ledger", "streams", "parameters")
    ]
    assert [text for text in shown if MARK in text] == []


def test_a_run_with_keys_and_tokens_is_what_it_is_whatever_strangers_send(
    camera: Bench, tmp_path: Path
) -> None:
    keys, tokens = new_keys(), new_tokens()
    write_keys(tmp_path / "pipeline.keys", keys)
    write_tokens(tmp_path / "tokens.json", tokens)
    settings = {"keys": str(tmp_path / "pipeline.keys"), "http_tokens": str(tmp_path / "tokens.json")}

    def attack(ports: dict[int, int], run: str, peers: dict[str, str]) -> Attack:
        letters = [*forged(run, peers), *malformed(run, peers), *whatever_is_allowed(LETTERS)]
        return Attack(ports, letters, commands=True, key_of=keys, rounds=ROUNDS)

    with running(of_camera(camera), settings=settings, token=tokens.control) as live:
        survives(live, camera, attack)


@pytest.mark.long
def test_a_run_without_keys_is_what_it_is_whatever_garbage_strangers_send(camera: Bench) -> None:
    def attack(ports: dict[int, int], run: str, peers: dict[str, str]) -> Attack:
        return Attack(ports, malformed(run, peers), commands=False, rounds=ROUNDS)

    with running(of_camera(camera)) as live:
        survives(live, camera, attack)
