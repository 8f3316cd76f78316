"""The supervisor: all processes of a pipeline on this machine, started together, kept alive, ended together.

Nothing is left behind: at the end every child is told to end, then killed with all that it started; and should the supervisor
itself be killed, each child ends with it (``lifeline``).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from beamloom.errors import UserError, did_you_mean
from beamloom.pipeline_file import Pipeline
from beamloom.placement.children import Ground, LocalChild, ProcessSpec
from beamloom.placement.door import LAUNCHER_VARIABLE, Door
from beamloom.placement.layout import Layout, layout_of
from beamloom.placement.notices import Notice, asked, notices
from beamloom.placement.processes import Listener, Process, ProcessStatus, RestartPolicy, State
from beamloom.placement.screen import Screen, SilentScreen, screen_on
from beamloom.placement.staff import Staff

STAGE_PATIENCE = 1.0
"""Seconds that processes of one stage get to end before the next stage is told to."""

PATIENCE = 5.0
"""Seconds in which all are to end, before what is left is killed."""
AWAY = 3.0
"""How many times as long all that takes where some run elsewhere, and hear of it by way of others."""

STATE_VARIABLE = "BEAMLOOM_STATE_DIR"

SHOWN_LINES = 15
"""Last lines of output that are shown of a process that is given up."""


LARGEST_LOG = 64 << 20
"""Bytes of a log file, after which it becomes ``<name>.log.1`` in the place of the former one, and another one is begun."""


class PlacementError(UserError):
    """The processes are not, or do not become, what they should be."""


class LocalPlacement:
    """The processes of a pipeline on this machine; a context manager that starts and ends them.

    ``what`` is a pipeline, its layout, or any processes. ``screen`` shows what happens: by default the standard output, with ``quiet``
    nothing. ``logs`` is a folder that gets the output of each process as ``<name>.log``, and what it was before that became too large as
    ``<name>.log.1``. ``grounds`` are where processes run
    that do not run on this machine, by the names that their specs have.
    """

    def __init__(
        self,
        what: Pipeline | Layout | Sequence[ProcessSpec],
        *,
        quiet: bool = False,
        screen: Screen | None = None,
        policy: RestartPolicy | None = None,
        logs: Path | None = None,
        grounds: Mapping[str, Ground] | None = None,
    ) -> None:
        self.layout = _layout(what)
        self._grounds: Mapping[str, Ground] = {"": LocalChild.of, **(grounds or {})}
        self._screen = screen or (SilentScreen() if quiet else screen_on(sys.stdout))
        self._notices: list[Notice] = []
        self._changed = threading.Condition()
        self._drawing = threading.Lock()
        listener = _Teller(self, self._screen, logs)
        self._listener = listener
        self._state: Path | None = None
        self._state_lock: int | None = None
        self._policy = policy or RestartPolicy()
        self._stopping = False
        staff = Staff(self, self.layout.kinds, self.layout.shadow)
        self._door = Door(staff.answer) if self.layout.kinds else None
        # Never changed, only replaced: several threads go through it.
        self._processes = {
            spec.name: self._process_of(self._of_controller(spec)) for spec in self.layout.processes
        }

    def _of_controller(self, spec: ProcessSpec) -> ProcessSpec:
        """The controller keeps its state for as long as this supervisor may start it again, unless somebody names another folder.

        It is told where to ask for workers.
        """
        if spec.name != "controller":
            return spec
        more = {} if self._door is None else {LAUNCHER_VARIABLE: str(self._door.path)}
        if not os.environ.get(STATE_VARIABLE):
            self._state = Path(tempfile.gettempdir()) / f"beamloom-{secrets.token_hex(8)}"
            more[STATE_VARIABLE] = str(self._state)
        return msgspec.structs.replace(spec, env={**spec.env, **more})

    def __enter__(self) -> LocalPlacement:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def controller_url(self) -> str:
        """HTTP address of the controller."""
        return self._there(self.layout.controller_url, "controller")

    @property
    def reducer_url(self) -> str:
        """HTTP address of the reducer."""
        return self._there(self.layout.reducer_url or self.reducer_elsewhere(), "reducer")

    @property
    def debugworker_url(self) -> str:
        """HTTP address of the debug worker."""
        return self._there(self.layout.debugworker_url, "debug worker")

    def start(self) -> None:
        """Start every process; returns at once."""
        self._screen.open([spec.name for spec in self.layout.processes])
        self._listener.open()
        self._keep_state()
        if self._door is not None:
            self._door.open()
        for process in self._processes.values():
            process.start()

    def _keep_state(self) -> None:
        """Folders for what passes are cleared of what is old; a lock says that this one is in use, however long nothing is written."""
        if self._state is not None:
            with contextlib.suppress(OSError):
                self._state.mkdir(mode=0o700)
                self._state_lock = os.open(self._state, os.O_RDONLY)
                fcntl.flock(self._state_lock, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def begin(self, specs: Sequence[ProcessSpec]) -> None:
        """Start further processes, and keep them alive; returns at once."""
        started = {spec.name: self._process_of(spec) for spec in specs}
        with self._changed:
            if self._stopping:
                return
            self._processes = {**self._processes, **started}
        self._screen.open(list(self._processes))
        for process in started.values():
            self._screen.say(f"{process.spec.name} is started, as somebody asked for it")
            process.start()

    def retire(self, name: str) -> None:
        """Tell a process to end and do not start it again; returns at once, and it is forgotten when it has ended."""
        process = self._process(name)
        self._screen.say(f"{name} is told to end, as somebody asked for it")
        process.stop()
        threading.Thread(target=self._forget, args=(process,), name=f"retire-{name}", daemon=True).start()

    def _forget(self, process: Process) -> None:
        process.join()
        self._listener.let_go(process.spec.name)
        with self._changed:
            self._processes = {name: one for name, one in self._processes.items() if one is not process}
            self._changed.notify_all()
        self.redraw()

    def forget_retired(self, name: str) -> None:
        """A worker that has ended for good, as the controller had asked it to, is none of those that are kept alive any more."""
        with self._changed:
            process = self._processes.get(name)
            if process is None or self._stopping or not process.spec.is_worker:
                return
            if process.status().state is State.ENDED:
                self._processes = {other: one for other, one in self._processes.items() if other != name}
                self._listener.let_go(name)

    def stop(self, patience: float | None = None) -> None:
        """End every process: SIGTERM by stages, and SIGKILL for what is left after ``patience`` seconds."""
        slowness = AWAY if any(process.spec.ground for process in self._processes.values()) else 1.0
        patience = PATIENCE * slowness if patience is None else patience
        with self._changed:
            self._stopping = True
        if self._door is not None:
            self._door.close()
        deadline = time.monotonic() + patience
        stages = sorted({process.spec.stop_stage for process in self._processes.values()})
        for left, stage in zip(range(len(stages), 0, -1), stages, strict=True):
            members = [process for process in self._processes.values() if process.spec.stop_stage == stage]
            for process in members:
                process.stop()
            # Nobody who is slow to end takes the time of those who are told later.
            share = min(STAGE_PATIENCE * slowness, (deadline - time.monotonic()) / left)
            stage_deadline = time.monotonic() + share
            for process in members:
                process.join(max(stage_deadline - time.monotonic(), 0.0))
        for process in list(self._processes.values()):
            if not process.join(max(deadline - time.monotonic(), 0.0)):
                self._screen.say(f"{process.spec.name} did not end within {patience:g} s and is killed")
                process.kill()
        for process in self._processes.values():
            process.join()
        self._listener.close()
        if self._state_lock is not None:
            os.close(self._state_lock)
            self._state_lock = None
        if self._state is not None:
            shutil.rmtree(self._state, ignore_errors=True)

    def stop_at_once(self) -> None:
        """Kill every process, without waiting for any to end by itself; ``stop`` then returns soon."""
        for process in self._processes.values():
            process.stop()
        for process in self._processes.values():
            process.kill()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to one process and all that it started, as a crash would; returns its pid. It is started again."""
        pid = self._process(name).kill(number)
        if pid is None:
            raise PlacementError(f"{name} does not run at this moment, so it cannot be killed")
        return pid

    def status(self) -> list[ProcessStatus]:
        """How each process is at this moment, in the order in which they were started."""
        return [process.status() for process in self._processes.values()]

    def output(self, name: str) -> list[str]:
        """The last lines that a process wrote."""
        return self._process(name).output()

    def ask(self, path: str) -> Any:
        """What the controller answers at ``/api/v1/<path>``, from JSON; None where there is none, or it does not answer."""
        url = self.layout.controller_url
        return None if url is None else asked(url, f"/api/v1/{path}", self.layout.credentials)

    def wait_until(self, true: Callable[[dict[str, ProcessStatus]], bool], timeout: float) -> None:
        """Return when ``true`` of the statuses by name; looks at each change. Raises PlacementError after ``timeout`` seconds."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: true({status.name: status for status in self.status()}), timeout
            ):
                states = ", ".join(f"{status.name} {status.state}" for status in self.status())
                raise PlacementError(
                    f"the processes did not get where they should within {timeout:g} s: {states}"
                )

    def wait_ready(self, timeout: float = 30.0, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Return True when the controller knows every process of the pipeline, False when ``stopped`` says so before.

        Raises PlacementError when a process is given up, or after ``timeout`` seconds, saying who is missing.
        """
        deadline = time.monotonic() + timeout
        while not stopped():
            missing = self._missing()
            if not missing:
                return True
            self._refuse_given_up()
            if time.monotonic() > deadline:
                last = "\n".join(
                    f"{name}: {self._process(name).status().message or 'no output'}" for name in missing
                )
                raise PlacementError(
                    f"after {timeout:g} s the controller has not heard of {', '.join(missing)}; their last lines:\n{last}"
                )
            with self._changed:
                self._changed.wait(0.05)
        return False

    def consult(self) -> None:
        """Ask the controller what is wrong; shown from then on, until it is asked again."""
        if self.layout.controller_url is not None:
            found = notices(self.layout.controller_url, self.layout.credentials)
            # While nobody answers, the state of the controller's process says more than what was wrong before.
            self._notices = found or []

    def redraw(self) -> None:
        """Show how things are now."""
        # Of two threads that tell how things are the later one must not tell what was before.
        with self._drawing:
            self._screen.show(self.layout.title, self.status(), self._notices)

    def notify(self) -> None:
        """Wake up those who wait for a change."""
        with self._changed:
            self._changed.notify_all()

    def _refuse_given_up(self) -> None:
        for process in self._processes.values():
            status = process.status()
            if status.state is State.GIVEN_UP:
                raise PlacementError(f"the pipeline cannot start: {self.last_words(status)}")

    def last_words(self, status: ProcessStatus) -> str:
        """What a given up process wrote last, below the sentence that says how it ended."""
        lines = self.output(status.name)[-SHOWN_LINES:]
        where = self._listener.log_of(status.name)
        shown = "\n".join(f"    {line}" for line in lines) if lines else "    (it wrote nothing)"
        return f"{status.message}; {f'all its output is in {where}, the end of it is' if where else 'its last output was'}:\n{shown}"

    def _missing(self) -> list[str]:
        """Names of processes that the controller has not heard of."""
        everybody = [spec.name for spec in self.layout.processes]
        if self.layout.controller_url is None:
            return [status.name for status in self.status() if status.state is not State.RUNNING]
        known = self.ask("config")
        if known is None:
            return everybody
        present = {"controller"}
        present |= {
            str(member.get("name")) for kind in ("ingesters", "workers") for member in known.get(kind) or ()
        }
        if known.get("reducer"):
            present.add("reducer")
        return [name for name in everybody if name not in present]

    def reducer_elsewhere(self) -> str | None:
        """Where the reducer is that takes part, as the controller knows; None where there is none."""
        known = (self.ask("config") or {}).get("reducer")
        return str(known["http"]) if known else None

    def _process_of(self, spec: ProcessSpec) -> Process:
        return Process(spec, self._policy, self._listener, ground=self._grounds[spec.ground])

    def _process(self, name: str) -> Process:
        if name not in self._processes:
            raise PlacementError(f"there is no process {name!r}{did_you_mean(name, self._processes)}")
        return self._processes[name]

    @staticmethod
    def _there(url: str | None, what: str) -> str:
        if url is None:
            raise PlacementError(f"there is no {what} among these processes")
        return url


def _layout(what: Pipeline | Layout | Sequence[ProcessSpec]) -> Layout:
    if isinstance(what, Pipeline):
        return layout_of(what)
    return what if isinstance(what, Layout) else Layout(title="processes", processes=tuple(what))


class _Teller(Listener):
    """Passes on what the processes tell: to the screen, to the log files, and to those who wait."""

    def __init__(self, placement: LocalPlacement, screen: Screen, logs: Path | None) -> None:
        self._placement = placement
        self._screen = screen
        self._logs = logs
        self._files: dict[str, int] = {}
        self._unwritten: set[str] = set()

    def open(self) -> None:
        """Open the log files. Raises PlacementError."""
        if self._logs is not None:
            try:
                self._logs.mkdir(parents=True, exist_ok=True)
                for spec in self._placement.layout.processes:
                    self._open(self._logs, spec.name)
            except OSError as error:
                raise PlacementError(
                    f"no logs can be written in {self._logs} ({error.strerror}: {error.filename}); name another folder with --logs"
                ) from error

    def _open(self, folder: Path, name: str) -> int:
        self._files[name] = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        return self._files[name]

    def _begin_anew(self, folder: Path, name: str) -> int:
        (folder / f"{name}.log").replace(folder / f"{name}.log.1")
        self.let_go(name)
        return self._open(folder, name)

    def close(self) -> None:
        """Close the log files."""
        while self._files:
            os.close(self._files.popitem()[1])

    def let_go(self, name: str) -> None:
        """Close the log file of a process that writes no more."""
        file = self._files.pop(name, None)
        if file is not None:
            os.close(file)

    def log_of(self, name: str) -> Path | None:
        """The log file of a process; None when there are none."""
        return self._logs / f"{name}.log" if self._logs else None

    def line(self, name: str, text: str) -> None:
        """Show one line, and write it down."""
        self._screen.output(name, text)
        if self._logs is not None:
            self._write_down(self._logs, name, text)

    def _write_down(self, folder: Path, name: str, text: str) -> None:
        """A disk that is full holds up nobody: who tells this attends the process, and nobody else would start it again."""
        try:
            file = self._files[name] if name in self._files else self._open(folder, name)
            if os.fstat(file).st_size > LARGEST_LOG:
                file = self._begin_anew(folder, name)
            os.write(file, f"{text}\n".encode(errors="replace"))
        except OSError as error:
            if name not in self._unwritten:
                self._unwritten.add(name)
                self._screen.say(
                    f"{folder / f'{name}.log'} cannot be written ({error.strerror}); make room there: until then, what "
                    f"{name} writes is shown here alone"
                )
        else:
            self._unwritten.discard(name)

    def changed(self, name: str, sentence: str) -> None:
        """Show what happened."""
        if sentence:
            status = next(status for status in self._placement.status() if status.name == name)
            self._screen.say(
                self._placement.last_words(status) if status.state is State.GIVEN_UP else sentence
            )
        self._placement.forget_retired(name)
        self._placement.redraw()
        self._placement.notify()
