"""A Dask cluster as its commands start it, which tests may kill: ``dask scheduler`` and ``dask worker``."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType

from support.patience import PATIENCE
from support.ports import quiet_port
from support.processes import end_one_below


class DaskCommands:
    """A scheduler and a worker command, which are started again when they end, as a site's supervisor does."""

    def __init__(self, folder: Path, workers: int = 2, options: tuple[str, ...] = ()) -> None:
        self._folder = folder
        self._options = (f"--nworkers={workers}", "--nthreads=1", *options)
        self._port = quiet_port()
        self.scheduler_address = f"tcp://127.0.0.1:{self._port}"
        self._ending = threading.Event()
        self._turn = threading.Lock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._thread = threading.Thread(target=self._see_to_them, name="dask-commands")

    def start(self) -> DaskCommands:
        """Start both."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __enter__(self) -> DaskCommands:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End both. May be called twice."""
        self._ending.set()
        self._thread.join()
        for name in ("worker", "scheduler"):
            process = self._processes.get(name)
            if process is not None:
                process.terminate()
                try:
                    process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def kill_scheduler(self) -> None:
        """As a machine that goes off."""
        with self._turn:
            self._processes["scheduler"].kill()

    def kill_a_worker(self) -> None:
        """One of the processes that nannies watch over, and with it the one at its chunk."""
        with self._turn:
            command = self._processes["worker"].pid
        end_one_below(command, "multiprocessing.spawn", random.Random(0))

    def kill_nannies(self) -> None:
        """The worker command itself, with its nannies; the workers see that."""
        with self._turn:
            if "worker" in self._processes:
                self._processes["worker"].kill()

    def _see_to_them(self) -> None:
        while not self._ending.is_set():
            with self._turn:
                self._start("scheduler", "--host=127.0.0.1", f"--port={self._port}", "--no-dashboard")
                self._start(
                    "worker",
                    self.scheduler_address,
                    *self._options,
                    "--no-dashboard",
                    "--death-timeout=60",
                    f"--local-directory={self._folder}",
                )
            self._ending.wait(0.05)

    def _start(self, name: str, *arguments: str) -> None:
        process = self._processes.get(name)
        if process is None or process.poll() is not None:
            with open(self._folder / f"{name}.log", "ab") as log:
                self._processes[name] = subprocess.Popen(
                    [sys.executable, "-m", "dask", name, *arguments], stdout=log, stderr=log
                )
