"""Making the call of a capsule once more.

Trust: the state of the instance is a pickle, and unpickling runs what the file says. It is done for files that this user, or root, owns;
for others only when the caller says that they are trusted.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from beamloom.analysis import (
    CodeVersion,
    ReducerAnalysis,
    ReducerState,
    WorkerAnalysis,
    WorkerState,
    load_class,
)
from beamloom.capsules._capsule import Capsule, KeptState
from beamloom.detectors.packets import with_detectors
from beamloom.errors import UsageError
from beamloom.events import Event, Result
from beamloom.parameters import ParameterSet
from beamloom.transport.codec import Decoder, Encoder


class NotReproducible(UsageError):
    """The call of a capsule cannot be made here; the text says why."""


class Rerun:
    """The call of a capsule, ready to be made."""

    def __init__(
        self, capsule: Capsule, *, folder: str | Path | None = None, fresh: bool = False, reload: bool = False
    ) -> None:
        """Loads the class from ``folder`` (where it was loaded from) and brings its instance back.

        ``fresh``: a new instance, and nothing is unpickled of the old one. Raises a UserError where the class cannot be had, and
        NotReproducible where its instance cannot be made.
        """
        self.capsule = capsule
        self.remarks: list[str] = []
        """What is not as it was, in sentences."""
        cls = load_class(capsule.analysis, folder or capsule.analysis_path, reload=reload)
        of_worker = capsule.hook == "process_event" or (capsule.event is None and not capsule.of_reducer)
        self._analysis = (WorkerAnalysis if of_worker else ReducerAnalysis)(cls)
        self.parameters = ParameterSet.from_wire(capsule.parameters, self._analysis.descriptions())
        state = KeptState() if fresh else capsule.state
        if state.whole is not None:
            self._adopt(state.whole)
        else:
            self._make(state)
        if fresh:
            self.remarks.append("the instance is new: what it had kept of earlier events is not there")
        elif state.when == "after":
            self.remarks.append(
                "the instance is as the failed call left it: what that call had changed before it failed, is changed"
            )
        self.call = self._call()

    def _adopt(self, pickled: bytes) -> None:
        try:
            self._analysis.adopt(pickle.loads(pickled))
        # Unpickling runs the user's code, which may have been changed since.
        except Exception as error:
            raise NotReproducible(
                f"the state of {self.capsule.analysis} cannot be brought back ({type(error).__name__}: {error}); "
                "make the call on a new instance with --fresh"
            ) from error

    def _make(self, state: KeptState) -> None:
        """A new instance, with those attributes that were kept."""
        capsule = self.capsule
        version = msgspec.convert(capsule.code, CodeVersion) if capsule.code else None
        told: Any = (
            WorkerState(
                name=capsule.service,
                tags=tuple(capsule.tags),
                run=capsule.run,
                version=capsule.version,
                mapreduce_version=version,
                parameters_hash=self.parameters.hash,
            )
            if isinstance(self._analysis, WorkerAnalysis)
            else ReducerState(
                name=capsule.service,
                run=capsule.run,
                version=capsule.version,
                mapreduce_version=version,
                parameters_hash=self.parameters.hash,
            )
        )
        try:
            self._analysis.start(self.parameters, {}, told)
            for name, pickled in state.parts.items():
                setattr(self._analysis.instance, name, pickle.loads(pickled))
        except Exception as error:
            raise NotReproducible(
                f"no instance of {self.capsule.analysis} can be made: {type(error).__name__}: {error}"
            ) from error
        self.remarks += [
            f"{name} is that of a new instance; it was not kept: {why}" for name, why in state.missing.items()
        ]

    def _call(self) -> Callable[[], Any]:
        capsule, parameters, analysis = self.capsule, self.parameters, self._analysis
        if capsule.event is None:
            return self._hook_of_no_event(capsule.hook)
        number = capsule.event
        if isinstance(analysis, WorkerAnalysis):
            event = Event(number, with_detectors(capsule.packets, capsule.detectors))
            encoder = Encoder(allow_pickle=analysis.pickle_results)

            def process() -> Any:
                payload = analysis.process_event(event, parameters, capsule.tick)
                if payload is not None:
                    # What cannot travel fails its event, too.
                    encoder.encode(payload)
                return payload

            return process
        given = capsule.given
        if given is None:
            raise NotReproducible("the capsule is of a reduce and holds no result; it is of another version")
        decoder = Decoder(trusted_packages=given.trusted, allow_pickle=given.allow_pickle)

        def reduce() -> Any:
            payload = decoder.decode(given.head, given.buffers)
            result = Result(
                number, given.worker, parameters.hash, payload, capsule.epoch, tuple(given.combined)
            )
            return analysis.process_result(result, parameters)

        return reduce

    def _hook_of_no_event(self, hook: str) -> Callable[[], Any]:
        analysis, parameters = self._analysis, self.parameters
        if hook == "finish":
            return lambda: analysis.finish(parameters)
        if isinstance(analysis, ReducerAnalysis) and hook == "timer":
            return lambda: analysis.timer(parameters)
        if isinstance(analysis, ReducerAnalysis) and hook == "checkpoint":
            # What cannot be written down is no checkpoint, either.
            return lambda: Encoder(allow_pickle=True).encode(analysis.checkpoint(parameters))
        raise NotReproducible(
            f"the capsule is of {hook!r}, which this version does not call; use the one that made it"
        )


def rerun(capsule: Capsule, *, folder: str | Path | None = None, fresh: bool = False) -> Any:
    """Make the call of ``capsule`` once more; returns what the hook returns and raises what it raises."""
    return Rerun(capsule, folder=folder, fresh=fresh).call()


def rerun_in_child(path: str | Path, *, folder: str | Path | None = None, timeout: float = 120.0) -> None:
    """Make the call of the capsule in the file ``path`` in a process of its own, for a call that ends its process.

    Raises AssertionError with what the process wrote where it fails, dies, or is not over after ``timeout`` seconds.
    """
    command = [sys.executable, "-m", "beamloom", "debug", str(path), "--no-pdb"]
    if folder is not None:
        command += ["--analysis", str(folder)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise AssertionError(f"the call of {path} is not over after {timeout:g} s") from None
    if done.returncode:
        raise AssertionError(
            f"the call of {path} ended its process with status {done.returncode}:\n{done.stdout}{done.stderr}"
        )


def foreign_owner(path: str | Path) -> int | None:
    """The user id that a capsule belongs to, where that is neither this user's nor root's."""
    owner = Path(path).stat().st_uid
    return None if owner in (os.getuid(), 0) else owner
