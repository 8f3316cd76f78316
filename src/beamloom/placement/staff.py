"""Workers that come and go while a pipeline runs: started beyond those of the pipeline file, and stopped, by whoever asks.

A shadow worker comes and goes in the same way. There is one at a time: who starts another one has the former end.

Policy: a worker that is stopped ends after the event that it is in; the rest of what it holds goes to others, and nothing is lost. It is
never killed for being slow: ``event_timeout`` ends an event that takes for ever. A name is never given twice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from beamloom.errors import UserError, did_you_mean
from beamloom.placement.children import ProcessSpec
from beamloom.placement.processes import ProcessStatus, State

MOST_AT_ONCE = 64


class StaffError(UserError):
    """Workers cannot be started or stopped as asked."""


class UnknownWorker(StaffError):
    """No worker of this name is kept alive here."""


class WorkerMaker(Protocol):
    """Makes the command line of a worker."""

    def __call__(self, name: str, /) -> ProcessSpec:
        """That of the worker of this name."""


class ShadowMaker(Protocol):
    """Makes the command line of a shadow worker."""

    def __call__(self, name: str, worker: str, reducer: str, sample: float, /) -> ProcessSpec:
        """One of this name and with these classes, as module:Class; an empty one is that of the pipeline file."""


class WorkerKind(msgspec.Struct, frozen=True, kw_only=True):
    """One group of workers in the pipeline file."""

    worker_class: str
    tags: tuple[str, ...]
    make: WorkerMaker


class House(Protocol):
    """Who starts and ends processes."""

    def status(self) -> list[ProcessStatus]:
        """How each process is at this moment."""

    def begin(self, specs: Sequence[ProcessSpec]) -> None:
        """Start further processes, and keep them alive."""

    def retire(self, name: str) -> None:
        """Tell a process to end and do not start it again; returns at once, and it is forgotten when it has ended."""


class Staff:
    """The workers of a pipeline, as those see them who may start and stop some; to be used in one thread."""

    def __init__(self, house: House, kinds: Sequence[WorkerKind], shadow: ShadowMaker | None = None) -> None:
        self._house = house
        self._kinds = tuple(kinds)
        self._make_shadow = shadow
        self._last_shadow = 0
        self._last_number = 0
        self._edition, self._class = 0, ""
        """Of those that are started from now on; the class of the pipeline file where there is no other."""

    def answer(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """What the controller is told who asks; ``problem`` is a sentence where that cannot be."""
        try:
            match question:
                case {"do": "start", "count": int(count), "kind": int(kind)}:
                    return {"started": self.start(count, kind)}
                case {"do": "renew", "edition": int(edition), "class": str(cls)}:
                    return {"started": self.renew(edition, cls)}
                case {"do": "adopt", "edition": int(edition), "class": str(cls)}:
                    self._edition, self._class = edition, cls
                    return {"adopted": edition}
                case {"do": "stop", "name": str(name)}:
                    self.stop(name)
                    return {"stopping": name}
                case {
                    "do": "shadow",
                    "worker": str(worker),
                    "reducer": str(reducer),
                    "sample": float(sample),
                }:
                    return {"started": self.shadow(worker, reducer, sample)}
                case {"do": "unshadow"}:
                    return {"stopping": self.unshadow()}
                case {"do": "list"}:
                    return self.listed()
        except UnknownWorker as error:
            return {"problem": str(error), "unknown": True}
        except StaffError as error:
            return {"problem": str(error)}
        return {
            "problem": "this was not understood; the controller and its supervisor are of different versions"
        }

    def listed(self) -> dict[str, Any]:
        """The kinds of workers that can be started, and all workers that are kept alive."""
        return {
            "kinds": [{"class": kind.worker_class, "tags": list(kind.tags)} for kind in self._kinds],
            "workers": [msgspec.to_builtins(one) for one in self._workers()],
        }

    def start(self, count: int, kind: int) -> list[str]:
        """Start so many workers like those of the pipeline file's group ``kind``, from 0; returns their names. Raises StaffError."""
        if not 1 <= count <= MOST_AT_ONCE:
            raise StaffError(f"count is a number from 1 to {MOST_AT_ONCE}, not {count}")
        if not 0 <= kind < len(self._kinds):
            raise StaffError(
                f"there is no kind {kind} of workers; the kinds are numbered from 0 to {len(self._kinds) - 1}"
            )
        return self._start([kind] * count, self._edition, self._class)

    def renew(self, edition: int, cls: str) -> list[str]:
        """Start a worker of another edition, and of this class where that is not empty, for each that is kept alive. Raises StaffError."""
        kinds = [one.kind for one in self._workers() if one.state not in (State.STOPPING, State.GIVEN_UP)]
        if cls and len(set(kinds)) > 1:
            raise StaffError(
                f"there are workers of {len(set(kinds))} kinds; change their classes in their modules, and leave the class out here"
            )
        return self._start(kinds, edition, cls or self._class)

    def _start(self, kinds: Sequence[int], edition: int, cls: str) -> list[str]:
        numbers = [
            int(found[1]) for one in self._workers() if (found := re.fullmatch(r"worker-(\d{1,9})", one.name))
        ]
        first = max([self._last_number, *numbers]) + 1
        self._last_number = first + len(kinds) - 1
        names = [f"worker-{number}" for number in range(first, first + len(kinds))]
        flags = [f"--edition={edition}"] * (edition > 0) + [f"--worker-class={cls}"] * bool(cls)
        made = [self._kinds[kind].make(name) for kind, name in zip(kinds, names, strict=True)]
        self._house.begin([msgspec.structs.replace(one, argv=(*one.argv, *flags)) for one in made])
        return names

    def stop(self, name: str) -> None:
        """Have a worker end after the event that it is in. Raises StaffError."""
        names = [one.name for one in self._workers()]
        if name not in names:
            raise UnknownWorker(
                f"no worker {name!r} was started here{did_you_mean(name, names)}; stop it where it was started"
            )
        self._house.retire(name)

    def shadow(self, worker: str, reducer: str, sample: float) -> str:
        """Start a shadow worker in the place of any other; returns its name. Raises StaffError."""
        if self._make_shadow is None:
            raise StaffError(
                "no shadow worker can be started here; start one by hand with 'beamloom shadowworker'"
            )
        self.unshadow()
        self._last_shadow += 1
        name = f"shadow-{self._last_shadow}"
        self._house.begin([self._make_shadow(name, worker or self._class, reducer, sample)])
        return name

    def unshadow(self) -> list[str]:
        """Have the shadow worker end that was started here; returns its name, where there is one."""
        names = [
            one.name
            for one in self._house.status()
            if re.fullmatch(r"shadow-\d+", one.name) and one.state is not State.STOPPING
        ]
        for name in names:
            self._house.retire(name)
        return names

    def _workers(self) -> list[ProcessStatus]:
        return [one for one in self._house.status() if one.is_worker]
