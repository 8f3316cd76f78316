"""What a worker or a reducer keeps of a call that failed: a capsule, where there is room for one.

Policy: an event without an exception costs nothing here, and nothing of it is copied. The one exception is an event that was given out
again and is alone on its worker, as suspects are: it is put into a capsule before the call, which is removed when the call has come back,
and stays when that ends the process.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from beamloom.capsules import Capsule, Given, KeptState, Shelf, capsules_folder, keep_state
from beamloom.detectors.geometry import Detector
from beamloom.engine.accounts.faults import PROCESS, Failure
from beamloom.engine.assembling.ready import Ready
from beamloom.parameters import ParameterSet
from beamloom.services.shell.code_version import build_metadata
from beamloom.services.shell.raised import RAISED, pass_interrupt
from beamloom.services.shell.state_folders import state_folder
from beamloom.settings import ReducerSettings, WorkerSettings
from beamloom.version import VERSION

logger = logging.getLogger(__name__)

SUSPECT = "suspect"
"""Stands in the name of a capsule in the place of the signature, while nobody knows how the call ends."""
RESERVED = 1 << 16
"""Bytes of a capsule for all but packets and state: texts and parameters."""
DIED = Failure(
    "process",
    "WorkerDied",
    "the event had cost a worker before, and the process did not come back from this call",
)


class Evidence:
    """The capsules of one process."""

    def __init__(
        self,
        shelf: Shelf | None = None,
        service: str = "",
        tags: Sequence[str] = (),
        analysis_path: str = ".",
    ) -> None:
        self.shelf = shelf or Shelf(None)
        self._service = service
        self._tags = list(tags)
        self._analysis_path = os.path.abspath(analysis_path)
        self._run = ""
        self._detectors: Mapping[str, Detector] = {}

    def begin_run(self, run: str, detectors: Mapping[str, Detector] | None = None) -> None:
        """What fails from now on fails in this run."""
        self._run = run
        self._detectors = detectors or {}

    def of_map(
        self, failure: Failure, ready: Ready, parameters: ParameterSet, tick: bool, analysis: Any
    ) -> Failure:
        """The failure of a map, with the name of its capsule where one was kept. ``analysis`` is the user's class as it is called."""
        return self._kept(
            failure, ready.event, lambda room: self._map(failure, ready, parameters, tick, analysis, room)
        )

    def of_reduce(
        self,
        failure: Failure,
        event: int,
        epoch: int,
        given: Callable[[], Given],
        parameters: ParameterSet,
        analysis: Any,
    ) -> Failure:
        """The failure of a reduce, with the name of its capsule where one was kept."""

        def capsule(room: int) -> Capsule:
            with_result, died = given(), failure.where == PROCESS
            room -= RESERVED + len(with_result.head) + sum(map(len, with_result.buffers))
            common = self._common(
                failure,
                event,
                epoch,
                parameters,
                analysis,
                keep_state(analysis.instance, room, when="before" if died else "after"),
            )
            return Capsule(hook="process_result", given=with_result, died=died, **common)

        return self._kept(failure, event, capsule)

    def of_hook(
        self,
        failure: Failure,
        hook: str,
        epoch: int,
        parameters: ParameterSet,
        analysis: Any,
        *,
        of_reducer: bool,
    ) -> Failure:
        """The failure of a hook that belongs to no event, with the name of its capsule where one was kept."""

        def capsule(room: int) -> Capsule:
            state = keep_state(analysis.instance, room - RESERVED, when="after")
            common = self._common(failure, None, epoch, parameters, analysis, state)
            return Capsule(hook=hook, of_reducer=of_reducer, **common)

        return self._kept(failure, hook, capsule)

    @contextmanager
    def in_hand(
        self, ready: Ready, parameters: ParameterSet, tick: bool, analysis: Any, note: Callable[[str], None]
    ) -> Iterator[None]:
        """Within, the process may end: a capsule of the call is there, and ``note`` has its name."""
        name = self._put(
            SUSPECT,
            ready.event,
            lambda room: msgspec.structs.replace(
                self._map(DIED, ready, parameters, tick, analysis, room, when="before"), died=True
            ).encode(),
            temporary=True,
        )
        note(name)
        try:
            yield
        finally:
            note("")
            if name:
                self.shelf.remove(name)

    def command(self, failure: Failure) -> str:
        """How the call of a failure is made again, to follow a sentence; empty where no capsule was kept."""
        return f"; beamloom debug {self.shelf.path(failure.capsule)}" if failure.capsule else ""

    def _kept(self, failure: Failure, event: int | str, capsule: Callable[[int], Capsule]) -> Failure:
        signature = failure.signature
        if not self.shelf.room(self._run, signature):
            return failure
        name = self._put(signature, event, lambda room: capsule(room).encode())
        return msgspec.structs.replace(failure, capsule=name) if name else failure

    def _put(
        self, signature: str, event: int | str, encode: Callable[[int], bytes], *, temporary: bool = False
    ) -> str:
        """The name of the capsule that was kept; empty for none. The event goes its way whatever becomes of its capsule."""
        try:
            return self.shelf.put(self._run, signature, event, self._service, encode, temporary=temporary)
        # Above all MemoryError: a capsule is a copy of all packets. And what is pickled is the user's.
        except RAISED as error:
            pass_interrupt(error)
            logger.warning("no capsule of event %s is kept: %s: %s", event, type(error).__name__, error)
            return ""

    def _map(
        self,
        failure: Failure,
        ready: Ready,
        parameters: ParameterSet,
        tick: bool,
        analysis: Any,
        room: int,
        when: str = "after",
    ) -> Capsule:
        room -= RESERVED + sum(packet.nbytes for packet in ready.streams.values())
        state = keep_state(analysis.instance, room, when=when)
        common = self._common(failure, ready.event, ready.epoch, parameters, analysis, state)
        return Capsule(
            hook="process_event",
            tick=tick,
            detectors=dict(self._detectors),
            packets=dict(ready.streams),
            **common,
        )

    def _common(
        self,
        failure: Failure,
        event: int | None,
        epoch: int,
        parameters: ParameterSet,
        analysis: Any,
        state: KeptState,
    ) -> dict[str, Any]:
        return {
            "run": self._run,
            "event": event,
            "epoch": epoch,
            "service": self._service,
            "tags": self._tags,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "kept_at": time.time(),
            "analysis": analysis.name,
            "analysis_path": self._analysis_path,
            "code": build_metadata(analysis.name),
            "version": VERSION,
            "python": platform.python_version(),
            "parameters": parameters.to_wire(),
            "where": failure.where,
            "error": failure.error,
            "message": failure.message,
            "traceback": failure.traceback,
            "state": state,
        }


def evidence_of(settings: WorkerSettings | ReducerSettings) -> Evidence:
    """What a process with these settings keeps of calls that fail."""
    folder = capsules_folder(settings.capsule_dir, state_folder(""))
    tags = settings.tags if isinstance(settings, WorkerSettings) else ()
    shelf = Shelf(folder, settings.capsules, settings.capsule_bytes)
    return Evidence(shelf, settings.name, tags, settings.analysis_path)
