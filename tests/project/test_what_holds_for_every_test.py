"""The checks of conftest.py fail the tests that they should fail."""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import uuid
from multiprocessing import shared_memory
from pathlib import Path

import pytest

import beamloom
from support.left_behind import MARK, Surroundings
from support.logs import ErrorRecords


@pytest.fixture
def surroundings(monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    monkeypatch.setattr("support.left_behind.GRACE", 0.2)
    return Surroundings.now(mark)


def test_nothing_left_is_nothing_reported(surroundings: Surroundings) -> None:
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    threading.Thread(target=int).start()

    assert surroundings.left() == []


def test_a_thread_that_goes_on_is_found(surroundings: Surroundings) -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="goes-on", daemon=True)
    thread.start()

    left = surroundings.left()

    end.set()
    thread.join()
    assert left == ["thread goes-on"]


def test_what_was_there_before_is_known_also_while_threads_come_and_go() -> None:
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()

    busy = [threading.Thread(target=come_and_go) for _ in range(3)]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        for thread in busy:
            thread.start()
        known = [child.pid in Surroundings.now("none").children for _ in range(100)]
        over.set()
        for thread in busy:
            thread.join()
    assert all(known)


def test_a_child_that_goes_on_is_found_and_swept(surroundings: Surroundings) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert child.stdin

    left = surroundings.left()
    surroundings.sweep()

    child.wait()
    child.stdin.close()
    assert len(left) == 1
    assert left[0].startswith(f"process {child.pid}: ")
    assert surroundings.left_processes() == []


def test_an_orphan_is_found(surroundings: Surroundings) -> None:
    silent = "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
    orphan = f"subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], {silent})"
    code = f"import subprocess, sys; print({orphan}.pid)"
    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    left = surroundings.left_processes()
    surroundings.sweep()

    assert left == [int(parent.stdout)]


def test_a_forked_child_that_was_not_waited_for_is_found(surroundings: Surroundings) -> None:
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    pid = child.pid

    left = surroundings.left_processes()

    child.join()
    assert left == [pid]


def test_shared_memory_that_nobody_removes_is_found(surroundings: Surroundings) -> None:
    name = f"beamloom-test-{os.getpid()}-{uuid.uuid4().hex[:8]}"
    segment = shared_memory.SharedMemory(name=name, create=True, size=4096)

    left = surroundings.left()

    segment.close()
    segment.unlink()
    assert left == [f"shared memory {Path('/dev/shm') / name}"]
    assert surroundings.left() == []


def test_an_error_in_the_log_is_collected() -> None:
    records = ErrorRecords()
    logger = logging.getLogger("something-else.part")
    logger.addHandler(records)

    logger.warning("not this")
    logger.error("but %s", "this")

    logger.removeHandler(records)
    assert records.lines == ["ERROR something-else.part: but this"]


@pytest.mark.expects_errors
def test_an_expected_error_passes() -> None:
    logging.getLogger("beamloom.somewhere").error("this belongs to the test")


INNER = """
import io, logging, threading
import pytest

def test_logs_an_error():
    logging.getLogger("beamloom.somewhere").error("a fault")

def test_leaves_a_thread():
    threading.Thread(target=threading.Event().wait, args=(30,), daemon=True).start()

def test_has_the_log_written_to_a_stream_of_its_own():
    stream = io.StringIO()
    logging.basicConfig(handlers=[logging.StreamHandler(stream)], force=True)
    stream.close()

def test_behaves(capfd):
    logging.getLogger("elsewhere").error("not ours")
    assert capfd.readouterr().err == ""
"""


def test_the_checks_are_wired_into_every_test(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text((repository / "tests/conftest.py").read_text())
    (tmp_path / "test_inner.py").write_text(INNER)
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\npythonpath = {repository / 'tests'}\nmarkers = expects_errors\n"
    )

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-q", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert "4 passed, 2 errors" in run.stdout, run.stdout + run.stderr
    assert "a fault" in run.stdout
    assert "the test left behind: thread" in run.stdout


def test_processes_of_tests_find_our_modules_compiled() -> None:
    assert Path(importlib.util.cache_from_source(beamloom.__file__)).exists()
