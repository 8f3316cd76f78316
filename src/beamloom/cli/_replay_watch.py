"""Replaying again whenever the analysis is saved.

Files are watched from before the first replay on, by a thread of its own: what is saved while a replay runs ends it and begins the next.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from beamloom.cli._replay_report import Teller
from beamloom.errors import UserError
from beamloom.replay import Replay, ReplayReport

LOOK_EVERY_MS = 100
"""How often the watching thread looks whether it is to end."""
WAITS = "waits for a change; Ctrl-C ends"


class Watch:
    """Replays until it is interrupted. ``prepare`` loads the analysis anew."""

    def __init__(
        self, prepare: Callable[[], Replay], port: int | None, parameters: str | Path | None
    ) -> None:
        """``port`` serves the results of each replay until the next begins; ``parameters`` is watched like the analysis."""
        self._prepare = prepare
        self._port = port
        self._folder = Path.cwd()
        self._parameters = None if parameters is None else Path(parameters).resolve()
        self._change = threading.Event()
        self._ready = threading.Event()
        self._over = threading.Event()
        self._changed: set[str] = set()
        self._problem: Exception | None = None
        self._status = 0

    def run(self) -> int:
        """Returns the exit status of the last replay. Raises a UserError where files cannot be watched."""
        try:
            import watchfiles  # noqa: F401
        except ImportError:
            raise UserError(
                "--watch needs the package watchfiles; install it with: pip install 'beamloom[watch]'"
            ) from None
        thread = threading.Thread(target=self._look, name="watch", daemon=True)
        thread.start()
        self._ready.wait()
        try:
            while True:
                self._change.clear()
                if self._problem is not None:
                    break
                self._replay()
                if not self._change.is_set():
                    return self._status
        except KeyboardInterrupt:
            return self._status
        finally:
            self._over.set()
            thread.join()
        raise UserError(
            f"the folder {self._folder} cannot be watched ({self._problem}); run without --watch"
        ) from self._problem

    def _replay(self) -> None:
        """One replay and the wait for a change; the change is not set when the user ended both."""
        names, self._changed = sorted(self._changed), set()
        if names:
            print(f"\n{', '.join(names)} changed", flush=True)
        teller = _ChangeTeller(self._change, self._take_status)
        try:
            with teller.reading():
                replay = self._prepare()
            replay.run(port=self._port, keep_alive=True, stop=self._change, audience=teller)
        except UserError as error:
            self._status = error.exit_status
            print(error, file=sys.stderr, flush=True)
            print(WAITS, flush=True)
            self._change.wait()
        # The next replay serves where this one did.
        self._port = self._port or teller.port

    def _take_status(self, report: ReplayReport) -> None:
        self._status = 0 if report.clean else 1

    def _look(self) -> None:
        """Runs in its own thread."""
        from watchfiles import Change, PythonFilter, watch

        is_code = PythonFilter()

        def is_meant(change: Change, path: str) -> bool:
            return is_code(change, path) or (self._parameters is not None and Path(path) == self._parameters)

        paths = [self._folder]
        if self._parameters is not None and self._folder not in self._parameters.parents:
            paths.append(self._parameters)
        try:
            for changes in watch(
                *paths,
                watch_filter=is_meant,
                stop_event=self._over,
                rust_timeout=LOOK_EVERY_MS,
                yield_on_timeout=True,
            ):
                self._ready.set()
                if changes:
                    self._changed |= {self._shown(path) for _, path in changes}
                    self._change.set()
        # whatever ends this thread ends the command with a sentence
        except Exception as error:  # noqa: BLE001
            self._problem = error
        finally:
            self._ready.set()
            self._change.set()

    def _shown(self, path: str) -> str:
        return str(Path(path).relative_to(self._folder)) if Path(path).is_relative_to(self._folder) else path


class _ChangeTeller(Teller):
    """Tells nothing of a replay that a change has ended."""

    def __init__(self, change: threading.Event, take: Callable[[ReplayReport], None]) -> None:
        super().__init__(WAITS)
        self._take = take
        self.port: int | None = None
        self._change = change

    def serving(self, url: str) -> None:
        self.port = int(url.rpartition(":")[2])
        super().serving(url)

    def finished(self, report: ReplayReport) -> None:
        if self._change.is_set():
            self.withdraw()
        else:
            self._take(report)
            super().finished(report)
