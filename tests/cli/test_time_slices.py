"""How the processes of a pipeline are scheduled beside each other."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.patience import PATIENCE

linux = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="needs the batch processes of Linux")

TAKE_TURNS = """
import os
from beamloom.cli.time_slices import take_turns
{before}
print(take_turns(), os.sched_getscheduler(0))
"""


def scheduled(before: str = "") -> list[str]:
    """What a process says that takes turns: whether it was set so, and how it is scheduled."""
    code = TAKE_TURNS.format(before=before)
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=PATIENCE
    ).stdout.split()


@linux
def test_processes_take_turns() -> None:
    assert scheduled() == ["True", str(os.SCHED_BATCH)]


@linux
def test_what_somebody_has_chosen_stays() -> None:
    chosen = "os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"
    assert scheduled(chosen) == ["False", str(os.SCHED_IDLE)]


def test_where_there_is_no_such_thing_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    from beamloom.cli.time_slices import take_turns

    monkeypatch.delattr(os, "SCHED_BATCH", raising=False)
    assert not take_turns()
