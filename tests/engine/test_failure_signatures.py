"""Which failures are one kind, and how many of them are too many."""

from __future__ import annotations

from beamloom.engine.accounts.faults import Death, Failure, Faults, poison_failure

RAISED = """\
Traceback (most recent call last):
  File "/a/worker.py", line 7, in process_event
    go()
  File "/b/lib.py", line 3, in go
"""
CRASHED = '  File "/b/lib.py", line 3 in go\n  File "/a/worker.py", line 7 in process_event\n'


def test_the_place_is_the_line_that_raised_whichever_way_a_stack_is_written() -> None:
    for stack in (RAISED, CRASHED):
        assert Failure("process_event", "ValueError", "x", stack).place == "lib.py:3 in go"
    assert Failure("process", "WorkerDied", "x").place == ""


def test_the_message_and_the_folder_are_no_part_of_a_signature() -> None:
    one = Failure("process_event", "ValueError", "event 3 is dark", RAISED)
    other = Failure("process_event", "ValueError", "event 4 is dark", RAISED.replace("/b/", "/elsewhere/"))
    assert one.signature == other.signature
    assert one.signature != Failure("process_event", "KeyError", "event 3 is dark", RAISED).signature
    assert one.signature != Failure("process_result", "ValueError", "event 3 is dark", RAISED).signature
    assert (
        one.signature
        != Failure("process_event", "ValueError", "x", RAISED.replace("line 3", "line 4")).signature
    )


def test_events_that_end_workers_in_the_same_way_are_one_kind_though_nothing_is_known_of_the_line() -> None:
    killed = Death(None, Failure("process", "WorkerDied", "the process was killed by signal 9"))
    crashed = Death(None, Failure("process", "WorkerDied", "the process was killed by signal 11"))
    for death in (None, killed, crashed):
        one, other = poison_failure(3, "worker-1", death), poison_failure(40, "worker-2", death)
        assert one.signature == other.signature
    assert poison_failure(3, "w", killed).signature != poison_failure(3, "w", crashed).signature


def test_a_group_names_its_workers_and_its_capsules_once_each() -> None:
    faults = Faults()
    for event, worker, capsule in [(1, "a", "r/1"), (2, "b", ""), (3, "a", "r/3"), (4, "a", "r/3")]:
        faults.add(Failure("process_event", "ValueError", "x", RAISED, capsule), worker, event)
    (group,) = faults.groups
    assert (list(group.workers), group.capsules, group.count) == (["a", "b"], ["r/1", "r/3"], 4)
