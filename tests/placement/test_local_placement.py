"""The supervisor, with real processes that stand in for services."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from beamloom.placement import (
    LocalPlacement,
    PlacementError,
    PlainScreen,
    ProcessSpec,
    ProcessStatus,
    RestartPolicy,
    State,
)
from beamloom.placement.children import LocalChild, what_is_left
from placement.standins import Ends, python, sleeper, stubborn
from support.patience import PATIENCE

pytestmark = pytest.mark.processes

QUICK = RestartPolicy(first_delay=0.01, longest_delay=0.02)


def placed(*specs: ProcessSpec, policy: RestartPolicy = QUICK, logs: Path | None = None) -> LocalPlacement:
    """A placement that shows nothing."""
    return LocalPlacement(specs, quiet=True, policy=policy, logs=logs)


def says(name: str, message: str) -> Callable[[dict[str, ProcessStatus]], bool]:
    """Whether the last line of a process is ``message``."""
    return lambda statuses: statuses[name].message == message


def wait_for_output(up: LocalPlacement, *names: str) -> None:
    """Wait until each of the processes has written something."""
    deadline = time.monotonic() + PATIENCE
    while not all(up.output(name) for name in names):
        assert time.monotonic() < deadline
        with pytest.raises(PlacementError):
            up.wait_until(lambda _: False, 0.01)


def test_every_process_runs_and_none_is_left_at_the_end() -> None:
    with placed(sleeper("a"), sleeper("b")) as up:
        assert up.wait_ready(PATIENCE)
        pids = [status.pid for status in up.status()]
        assert all(pids)
    assert [(status.state, status.pid) for status in up.status()] == [(State.ENDED, None)] * 2


def test_a_killed_process_is_started_again() -> None:
    with placed(sleeper("a")) as up:
        up.wait_ready(PATIENCE)
        killed = up.kill("a")
        up.wait_until(lambda now: now["a"].pid not in (None, killed), PATIENCE)
        (status,) = up.status()
        assert status.restarts == 1
        assert status.state is State.RUNNING
        assert status.uptime is not None


def test_the_restart_is_announced_with_its_cause() -> None:
    slow = RestartPolicy(first_delay=60, longest_delay=60)
    with placed(sleeper("a"), policy=slow) as up:
        up.wait_ready(PATIENCE)
        up.kill("a")
        up.wait_until(says("a", "a was killed by SIGKILL and starts again in 60.0 s"), PATIENCE)
        assert up.status()[0].state is State.RESTARTING


def test_a_process_that_dies_again_and_again_is_given_up_and_its_last_output_is_told() -> None:
    with placed(python("a", "print('reading'); raise SystemExit(3)")) as up:
        up.wait_until(lambda now: now["a"].state is State.GIVEN_UP, PATIENCE)
        (status,) = up.status()
        assert status.restarts == 4
        assert status.message == (
            "a ended with exit status 3; it ended 5 times within 30 s and is not started again"
        )
        assert up.output("a") == ["reading"] * 5
        with pytest.raises(PlacementError, match=r"its last output was:\n    reading\n"):
            up.wait_ready(PATIENCE)


def test_a_process_that_refuses_its_settings_is_not_started_again() -> None:
    with placed(python("a", "import sys; sys.exit('no such class') if 0 else sys.exit(2)")) as up:
        up.wait_until(lambda now: now["a"].state is State.GIVEN_UP, PATIENCE)
        assert up.status()[0].restarts == 0


def test_a_program_that_does_not_exist_is_given_up_with_a_sentence() -> None:
    with placed(ProcessSpec("a", ("/nonexistent/program",))) as up:
        up.wait_until(lambda now: now["a"].state is State.GIVEN_UP, PATIENCE)
        assert up.status()[0].message.startswith("a cannot be started: ")


@pytest.mark.parametrize("ran_before", [False, True])
def test_a_process_is_started_when_the_machine_can_start_processes_again(*, ran_before: bool) -> None:
    short = OSError(errno.EIO if ran_before else errno.EAGAIN, "not now")
    starts: list[bool] = [True] * ran_before + [False, False, True]

    def ground(spec: ProcessSpec) -> LocalChild:
        if not starts.pop(0):
            raise short
        return LocalChild.of(spec)

    spec = msgspec.structs.replace(sleeper("a"), ground="short")
    with LocalPlacement([spec], quiet=True, policy=QUICK, grounds={"short": ground}) as up:
        if ran_before:
            wait_until_running(up, 0)
            up.kill("a")
        wait_until_running(up, int(ran_before))
        assert starts == []


def wait_until_running(up: LocalPlacement, restarts: int) -> None:
    up.wait_until(lambda now: now["a"].state is State.RUNNING and now["a"].restarts == restarts, PATIENCE)


def test_a_process_is_attended_where_no_file_descriptors_are_left() -> None:
    code = """
import os, resource, sys
from beamloom.placement.children import LocalChild

class Watcher:
    def begun(self, pid, host=""): pass
    def wrote(self, lines):
        for line in lines: print(line, flush=True)

child = LocalChild([sys.executable, "-c", "print('it ran')"], {})
highest = os.dup(0)
resource.setrlimit(resource.RLIMIT_NOFILE, (highest, highest))
print(child.attend(Watcher()).how, flush=True)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert said.stdout.splitlines() == ["it ran", "ended with exit status 0"], said.stderr


def test_output_is_read_whole_and_written_to_its_log(tmp_path: Path) -> None:
    code = "import sys; print('one'); print('x' * 200_000); sys.stderr.write('end'); sys.exit(2)"
    with placed(python("a", code), logs=tmp_path) as up:
        up.wait_until(lambda now: now["a"].state is State.GIVEN_UP, PATIENCE)
        lines = up.output("a")
    assert lines[0] == "one"
    assert lines[-1] == "end"
    assert sum(line.count("x") for line in lines if set(line) == {"x"}) == 200_000
    assert (tmp_path / "a.log").read_text().splitlines() == lines


def test_processes_end_by_stages_and_only_the_stubborn_are_killed(tmp_path: Path) -> None:
    code = (
        "import signal, sys, time\n"
        "def told(*_): open(sys.argv[1], 'a').write(sys.argv[2]); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, told); print('up')\nwhile True: signal.pause()"
    )
    order = tmp_path / "order"
    specs = [
        ProcessSpec(name, (*python(name, code).argv, str(order), name), stop_stage=stage)
        for name, stage in (("c", 2), ("a", 0), ("b", 1))
    ]
    up = placed(*specs, stubborn("s"))
    with up:
        wait_for_output(up, "a", "b", "c", "s")
        up.stop(patience=0.5)
    assert order.read_text() == "abc"
    assert {status.state for status in up.status()} == {State.ENDED}


def test_what_a_process_started_ends_with_it() -> None:
    code = (
        "import subprocess, sys, signal\n"
        "child = subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import signal; signal.pause()'])\n"
        "print(child.pid); signal.pause()"
    )
    with placed(python("a", code)) as up:
        wait_for_output(up, "a")
        grandchild = Ends([int(up.output("a")[0])])
        (status,) = up.status()
        assert status.pid is not None
        # Not by ``up.kill``, which reaches the grandchild as well.
        os.kill(status.pid, signal.SIGTERM)
        grandchild.wait(PATIENCE)


def test_stopping_at_once_does_not_wait_for_anybody() -> None:
    up = placed(stubborn("a"), stubborn("b"))
    with up:
        wait_for_output(up, "a", "b")
        began = time.monotonic()
        up.stop_at_once()
    assert time.monotonic() - began < 4


def test_a_process_that_closes_its_output_lives_on() -> None:
    with placed(
        python("a", "import os, signal; print('up'); os.close(1); os.close(2); signal.pause()")
    ) as up:
        wait_for_output(up, "a")
        spent = time.process_time()
        with pytest.raises(PlacementError):
            up.wait_until(lambda now: now["a"].restarts > 0, 0.3)
        assert up.status()[0].state is State.RUNNING
        assert time.process_time() - spent < 0.2


def test_an_unknown_process_is_answered_with_the_closest_name() -> None:
    up = placed(sleeper("worker-1"))
    with pytest.raises(PlacementError, match=r"did you mean 'worker-1'\?"):
        up.kill("wroker-1")


def test_what_stands_in_the_pipe_when_a_process_ends_is_read() -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    try:
        os.write(writing, b"last words")
        assert what_is_left(reading) == b"last words"
        assert what_is_left(reading) == b""
    finally:
        os.close(reading)
        os.close(writing)


SUPERVISOR = """
import sys, signal
sys.path[:0] = [{tests!r}]
from beamloom.cli.up import supervise
from beamloom.placement import LocalPlacement, ProcessSpec, RestartPolicy, screen_on
code = '''
import os, signal, sys
from beamloom.lifeline import die_with
die_with(int(sys.argv[1]))
{at_term}
print("child", os.getpid(), flush=True)
while True: signal.pause()
'''
import os
specs = [ProcessSpec(name, (sys.executable, "-c", code, str(os.getpid()))) for name in ("a", "b")]
screen = screen_on(sys.stdout)
placement = LocalPlacement(specs, screen=screen, policy=RestartPolicy(first_delay=0.01))
sys.exit(supervise(placement, screen, 20.0))
"""

IGNORE = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


class Supervisor:
    """A supervisor in a process of its own, with two children."""

    def __init__(self, at_term: str) -> None:
        code = SUPERVISOR.format(tests=str(Path(__file__).parent), at_term=at_term)
        self.process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        self.lines: list[str] = []

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def read_until(self, true: Callable[[Sequence[str]], bool]) -> None:
        """Read lines until ``true`` of all lines so far."""
        if self.process.stdout is None:
            raise RuntimeError("no pipe")
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if true(self.lines):
                return
        pytest.fail(f"the supervisor ended after {self.lines}")

    def read_all(self) -> str:
        """What it writes until its end."""
        return self.process.stdout.read() if self.process.stdout else ""

    def children(self) -> list[int]:
        """The children's pids, once both run."""
        self.read_until(lambda lines: sum(" | child " in line for line in lines) == 2)
        return [int(line.rpartition(" ")[2]) for line in self.lines if " | child " in line]


def test_a_supervisor_that_is_killed_leaves_no_process_behind() -> None:
    with Supervisor(IGNORE) as supervisor:
        children = Ends(supervisor.children())
        supervisor.process.send_signal(signal.SIGKILL)
        children.wait(PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_supervisor_that_is_told_to_end_ends_its_children_and_then_itself(number: signal.Signals) -> None:
    with Supervisor("") as supervisor:
        children = Ends(supervisor.children())
        supervisor.process.send_signal(number)
        children.wait(PATIENCE)
        rest = supervisor.read_all()
        assert supervisor.process.wait(PATIENCE) == 0
        assert "ending; Ctrl-C once more kills at once" in rest
        assert "starts again" not in rest


def test_a_second_ctrl_c_kills_at_once() -> None:
    with Supervisor(IGNORE) as supervisor:
        children = Ends(supervisor.children())
        supervisor.process.send_signal(signal.SIGINT)
        supervisor.read_until(lambda lines: "ending" in lines[-1])
        began = time.monotonic()
        supervisor.process.send_signal(signal.SIGINT)
        children.wait(PATIENCE)
        assert supervisor.process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 4


def test_a_process_whose_parent_is_already_gone_ends_itself() -> None:
    code = "import sys; from beamloom.lifeline import die_with; die_with(int(sys.argv[1])); print('lives')"
    not_the_parent = os.getppid()
    done = subprocess.run([sys.executable, "-c", code, str(not_the_parent)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == ""


def test_a_process_is_kept_alive_when_its_log_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.log").symlink_to("/dev/full")
    shown = io.StringIO()
    specs = [python("a", "import signal; print('one'); print('two'); signal.pause()")]
    with LocalPlacement(specs, screen=PlainScreen(shown), policy=QUICK, logs=tmp_path) as up:
        wait_for_output(up, "a")
        killed = up.kill("a")
        up.wait_until(lambda now: now["a"].pid not in (None, killed), PATIENCE)
    told = [line for line in shown.getvalue().splitlines() if "cannot be written" in line]
    assert len(told) == 1
    assert "No space left on device" in told[0]


def test_logs_of_workers_that_are_gone_are_closed(tmp_path: Path) -> None:
    def open_logs() -> list[str]:
        places = (os.path.realpath(f"/proc/self/fd/{one}") for one in os.listdir("/proc/self/fd"))
        return sorted(Path(one).name for one in places if one.startswith(str(tmp_path)))

    with placed(sleeper("a"), logs=tmp_path) as up:
        up.begin([sleeper("b")])
        wait_for_output(up, "a", "b")
        up.retire("b")
        up.wait_until(lambda now: "b" not in now, PATIENCE)
        assert open_logs() == ["a.log"]


def test_a_log_that_becomes_too_large_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beamloom.placement.local.LARGEST_LOG", 100)
    many = python(
        "a", "for number in range(40): print(f'line {number:04}', flush=True)\nimport time; time.sleep(600)"
    )
    with placed(many, logs=tmp_path) as up:
        wait_for_output(up, "a")
        up.wait_until(says("a", "line 0039"), PATIENCE)
    lines = [(tmp_path / name).read_text().splitlines() for name in ("a.log.1", "a.log")]
    assert [line for part in lines for line in part][-15:] == [
        f"line {number:04}" for number in range(25, 40)
    ]
    assert all(sum(len(line) + 1 for line in part) <= 110 for part in lines)


def test_the_folder_for_state_is_marked_as_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BEAMLOOM_STATE_DIR", raising=False)
    with placed(sleeper("controller")) as up:
        folder = up._state
        assert folder is not None
        cleaner = os.open(folder, os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(cleaner, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(cleaner)
    assert not folder.exists()


def test_a_folder_where_no_logs_can_be_written_is_refused_with_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file")
    with pytest.raises(PlacementError, match="name another folder with --logs"):
        placed(sleeper("a"), logs=tmp_path / "logs").start()
