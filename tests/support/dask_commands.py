"""A Dask cluster as its commands start it, which tests may kill: ``dask scheduler`` and ``dask worker``."""

from __future__ import annotations

import contextlib
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from beamloom.dask_clusters import opener
from support.patience import PATIENCE, STARTING
from support.ports import quiet_port
from support.processes import end_one_below
from support.waiting import until

TWO_WITH_NANNIES: Mapping[str, Sequence[str]] = {"worker": ["--nworkers=2"]}


class DaskCommands:
    """A scheduler, and worker commands, which are started again when they end, as a site's supervisor does."""

    def __init__(self, folder: Path, workers: Mapping[str, Sequence[str]] = TWO_WITH_NANNIES) -> None:
        """``workers``: options of each command by its name."""
        self._folder = folder
        self._port = quiet_port()
        self.scheduler_address = f"tcp://127.0.0.1:{self._port}"
        common = ["--nthreads=1", "--no-dashboard", "--death-timeout=60", f"--local-directory={folder}"]
        self._worker = ["worker", self.scheduler_address, *common]
        self._commands = {
            "scheduler": ["scheduler", "--host=127.0.0.1", f"--port={self._port}", "--no-dashboard"],
            **{name: [*self._worker, *told] for name, told in workers.items()},
        }
        self._ending = threading.Event()
        self._turn = threading.Lock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._thread = threading.Thread(target=self._see_to_them, name="dask-commands")

    def start(self) -> DaskCommands:
        """Start all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __enter__(self) -> DaskCommands:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait_for_workers(self, count: int) -> DaskCommands:
        """Return when the scheduler is there, and so many workers, which takes seconds on a busy machine."""
        until(self._is_listening, "the Dask scheduler listens", STARTING)
        there = opener(self.scheduler_address, {}, "tests")()
        try:
            until(lambda: len(there.workers()) >= count, f"{count} Dask workers are there", STARTING)
        finally:
            there.abandon()
        return self

    def _is_listening(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port)):
            return True
        return False

    def close(self) -> None:
        """End all, workers first. May be called twice."""
        self._ending.set()
        self._thread.join()
        for process in [
            self._processes.pop(name) for name in reversed(self._commands) if name in self._processes
        ]:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def add(self, name: str, options: Sequence[str]) -> None:
        """One more worker command."""
        with self._turn:
            self._commands[name] = [*self._worker, *options]

    def pid(self, name: str) -> int:
        """The process of a command."""
        with self._turn:
            return self._processes[name].pid

    def kill(self, name: str) -> None:
        """A command; where it has nannies, their workers see that. A killed scheduler is as a machine that goes off."""
        with self._turn:
            self._processes[name].kill()

    def kill_a_worker(self) -> None:
        """One of the processes that the nannies of the command ``worker`` watch over, and with it the one at its chunk."""
        end_one_below(self.pid("worker"), "multiprocessing.spawn", random.Random(0))

    def _see_to_them(self) -> None:
        while not self._ending.is_set():
            with self._turn:
                for name, words in self._commands.items():
                    process = self._processes.get(name)
                    if process is None or process.poll() is not None:
                        with open(self._folder / f"{name}.log", "ab") as log:
                            self._processes[name] = subprocess.Popen(
                                [sys.executable, "-m", "dask", *words], stdout=log, stderr=log
                            )
            self._ending.wait(0.05)
