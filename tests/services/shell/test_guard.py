"""What a worker and its guard tell each other, and the memory that a worker may have."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import threading
import time

import pytest
import zmq

from beamloom.engine.accounts.faults import Death, Failure
from beamloom.services.shell.guard import Notes
from beamloom.services.shell.guarding import _Watch, resident, user_stack
from beamloom.services.shell.loop import EndOfService
from beamloom.services.worker.memory_budget import MemoryBudget
from beamloom.transport.controller_link import ControllerLink, controller_link
from beamloom.transport.messages import Gone, Pulse, decode
from support.ports import quiet_port

DUMP = """Fatal Python error: Segmentation fault

Thread 0x00007f00 (most recent call first):
  File "/usr/lib/python3.11/threading.py", line 331 in wait
  File "/opt/beamloom/services/shell/heartbeat.py", line 80 in _beat

Current thread 0x00007f01 (most recent call first):
  File "analysis.py", line 12 in fit
  File "analysis.py", line 7 in process_event
  File "/opt/beamloom/analysis/_hooks.py", line 51 in <lambda>
  File "/opt/beamloom/services/worker/user_map.py", line 77 in process
  File "/opt/beamloom/services/worker/event_calls.py", line 101 in _call

Extension modules: numpy.core._multiarray_umath (total: 1)
"""


def test_of_a_dump_the_stack_of_the_user_code_is_told() -> None:
    assert user_stack(DUMP).splitlines() == [
        "Current thread 0x00007f01 (most recent call first):",
        '  File "analysis.py", line 12 in fit',
        '  File "analysis.py", line 7 in process_event',
    ]


def test_a_dump_without_a_worker_in_it_is_told_whole() -> None:
    other = DUMP.replace("/services/worker/user_map.py", "/services/other.py")
    assert user_stack(other) == other.partition("\nExtension")[0].strip()


def test_the_notes_of_a_worker_are_read_as_they_were_written() -> None:
    notes = Notes()
    assert notes.at_work[0] is None
    assert (notes.peer, notes.leaving, notes.limits) == ("", False, (0.0, 0))
    before = time.monotonic()
    notes.begin(0, time.monotonic())
    event, since = notes.at_work
    assert event == 0
    assert before <= since <= time.monotonic()
    notes.end()
    assert notes.at_work[0] is None
    notes.call("a-worker-with-a-long-name@01234567")
    notes.call("w@89abcdef")
    notes.limit(2.5, 1 << 40)
    notes.leave()
    assert (notes.peer, notes.leaving, notes.limits) == ("w@89abcdef", True, (2.5, 1 << 40))


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_an_event_is_never_seen_without_its_beginning_however_fast_others_follow() -> None:
    notes = Notes()
    before = time.monotonic()
    worker = os.fork()
    if worker == 0:
        while True:
            for event in range(1000):
                notes.begin(event, time.monotonic())
                notes.end()
    try:
        seen = [notes.at_work for _ in range(100_000)]
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
    after = time.monotonic()
    assert [
        (event, since) for event, since in seen if event is not None and not before <= since <= after
    ] == []


def test_signs_of_life_follow_the_controller_to_another_address() -> None:
    notes = Notes()
    notes.call("worker-1@01234567", "tcp://127.0.0.1:1")
    port = quiet_port()
    with zmq.Context() as context, context.socket(zmq.DEALER) as controller:
        controller.bind(f"tcp://127.0.0.1:{port}")
        controller.set(zmq.RCVTIMEO, 20_000)
        with controller_link("tcp://127.0.0.1:1", None, linger=0.0) as link:
            watch = _Watch(os.getpid(), 0, 0, notes, link)
            watch._send(Pulse())
            notes.call("worker-1@01234567", f"tcp://127.0.0.1:{port}")
            watch._send(Gone("killed", killed=True))
            assert decode(controller.recv()) == ("worker-1@01234567", Gone("killed", killed=True))


def test_the_word_of_an_end_is_kept_for_a_controller_that_is_away() -> None:
    notes = Notes()
    notes.call("worker-1@01234567")
    death = Death(7, Failure("process", "WorkerDied", "killed"))
    port = quiet_port()
    with zmq.Context() as context, context.socket(zmq.DEALER) as controller:
        with controller_link(f"tcp://127.0.0.1:{port}", None, linger=0.0) as link:
            watch = _Watch(os.getpid(), 0, 0, notes, link)
            while watch._send(Pulse()):
                pass
            last = threading.Thread(target=watch._send_last, args=(Gone("killed", killed=True, death=death),))
            last.start()
            controller.bind(f"tcp://127.0.0.1:{port}")
            controller.set(zmq.RCVTIMEO, 20_000)
            received = decode(controller.recv())
            while isinstance(received[1], Pulse):
                received = decode(controller.recv())
            last.join()
        assert received == ("worker-1@01234567", Gone("killed", killed=True, death=death))


def test_a_worker_that_was_asked_to_end_has_a_guard_that_does_not_wait_for_a_controller_that_is_gone() -> (
    None
):
    notes = Notes()
    assert not notes.asked_to_end
    EndOfService(notes.will_end).ask("told to end by SIGTERM")
    assert notes.asked_to_end
    notes.call("worker-1@1")
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        watch = _Watch(0, 0, 0, notes, ControllerLink(socket, f"tcp://127.0.0.1:{quiet_port()}"))
        watch._send_last(Pulse())
        assert socket.get(zmq.LINGER) == 1000
        socket.set(zmq.LINGER, 0)


def test_a_budget_is_spent_once_the_process_has_more_than_that() -> None:
    # What tests before this one have left must not be given back in the middle of it.
    gc.collect()
    used = resident(os.getpid())
    assert used > 1 << 20
    budget = MemoryBudget(used + (48 << 20))
    assert budget.too_small() is None
    assert not budget.look(0.0)
    block = ctypes.create_string_buffer(b"\1" * (192 << 20), 192 << 20)
    assert not budget.look(0.05)
    assert budget.look(0.2)
    assert "past memory_limit" in str(budget.spent)
    assert "raise it" in str(budget.too_small())
    del block


def test_without_a_limit_no_memory_is_too_much() -> None:
    budget = MemoryBudget(0)
    assert not budget.look(10.0)
    assert budget.too_small() is None
    assert budget.in_an_event == 0
