"""At which result the reducer is, so that its next life knows what this one died of.

Policy: a result that ends the process of the reducer would end each that follows, as results are reduced again from the journal. So what
is being reduced is noted in a file that is mapped into memory: two stores a result, which survive the process. A delivery that has crashed
two lives is *set aside*: it stays in the journal and is not given to the user's class any more. A life that ended without a word may have
been killed from outside, by anybody and at any moment; that takes three at one delivery.

Nothing here fails a reducer: where the file cannot be had, nothing is known of deaths, and the log says so.
"""

from __future__ import annotations

import faulthandler
import logging
import mmap
import struct
from collections.abc import Iterable, MutableSequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from beamloom.engine.accounts.faults import PROCESS, Failure
from beamloom.whole_files import write_whole

logger = logging.getLogger(__name__)

CRASHES_OF_POISON = 2
"""So many deaths at one delivery of which the interpreter said that they were crashes."""
DEATHS_OF_POISON = 3
"""So many deaths at one delivery, whatever they were."""
NOTE, CRASH, DEATHS = "at-work", "crash", "deaths"
"""The files, in the folder of the reducer's journals."""
_WORK = struct.Struct("=qq")
_RUN_AT = _WORK.size
_SIZE = 4096
NOBODY = -1
"""Stands for no event."""
_MOST_STACK = 1 << 16

Delivery = tuple[int, int]
"""Slot and event."""


class Deaths(msgspec.Struct, array_like=True):
    """The deaths at one delivery."""

    count: int = 0
    crashes: int = 0
    said: str = ""
    """What the interpreter wrote at the last crash."""

    @property
    def poison(self) -> bool:
        """Whether the delivery is to be set aside."""
        return self.crashes >= CRASHES_OF_POISON or self.count >= DEATHS_OF_POISON

    def failure(self, event: int) -> Failure:
        """What is told of an event whose result is set aside."""
        how = (
            self.said.partition("\n")[0].removeprefix("Fatal Python error: ")
            or "killed, out of memory, or os._exit"
        )
        return Failure(
            PROCESS,
            "ReducerDied",
            f"the reducer died {self.count} times with the result of event {event} ({how}), which is set aside",
            self.said.partition("\n")[2].strip(),
        )


class _Kept(msgspec.Struct):
    run: str
    deaths: list[tuple[int, int, Deaths]]


class LastWords:
    """The note of one reducer. Without a folder nothing is noted."""

    def __init__(self, folder: Path | None = None, *, hears_crashes: bool = False) -> None:
        """``folder`` is this reducer's own. ``hears_crashes``: have the interpreter write there how this process crashes."""
        self._folder = folder
        self._hears = hears_crashes
        self._memory: mmap.mmap | None = None
        self._work: memoryview[int] | None = None
        self._crash: IO[bytes] | None = None
        self._deaths: dict[Delivery, Deaths] = {}
        self._poison: dict[Delivery, Deaths] = {}
        self.before: str | None = None
        """What the former life died of, in a sentence; None where nobody knows."""

    # ---- while results are reduced --------------------------------------------------------------------------------------------

    def at_work(self, slot: int) -> MutableSequence[int] | memoryview[int]:
        """Where to write, before each call of the user's class with a result of this slot, its event; ``NOBODY`` after the last."""
        if self._work is None:
            return [NOBODY]
        self._work[1] = slot
        return self._work

    def deadly(self, slot: int, first: int, stop: int) -> dict[int, Deaths]:
        """The events of [first, stop) whose results are set aside, with the deaths because of which they are."""
        return {
            event: deaths
            for (of, event), deaths in self._poison.items()
            if of == slot and first <= event < stop
        }

    @property
    def set_aside(self) -> list[tuple[int, int, Deaths]]:
        """Slot and event of all deliveries whose results are set aside."""
        return [(slot, event, deaths) for (slot, event), deaths in self._poison.items()]

    def set_aside_all(self, deadly: Iterable[tuple[int, int, Deaths]]) -> None:
        """Set these aside, and no others: another process has learnt what they did."""
        self._poison = {(slot, event): deaths for slot, event, deaths in deadly}

    # ---- lives begin and end --------------------------------------------------------------------------------------------------

    def move(self, folder: Path) -> None:
        """From the next run on ``folder`` is this reducer's own. Whoever calls this has closed what was kept in another one."""
        self._folder = folder

    def begin_run(self, run: str) -> None:
        """A new run begins. Whoever calls this holds the lock of the folder."""
        self._deaths, self._poison = {}, {}
        self._open(run)
        self._keep(run)

    def take_up(self, run: str) -> None:
        """A run goes on that a former life had begun: learn what that died of. Whoever calls this holds the lock of the folder."""
        self._deaths, self._poison = self._read(run), {}
        if self._memory is None and (delivery := self._left(run)) is not None:
            said = self._said()
            deaths = self._deaths.setdefault(delivery, Deaths())
            deaths.count += 1
            if said:
                deaths.crashes += 1
                deaths.said = said
            slot, event = delivery
            how = said.partition("\n")[0] or "without a word"
            self.before = f"the reducer before died with the result of event {event} (slot {slot}): {how}"
            logger.warning("%s%s", self.before, f"\n{said}" if said else "")
        self._poison = {delivery: deaths for delivery, deaths in self._deaths.items() if deaths.poison}
        self._keep(run)
        self._open(run)

    def close(self, *, remove: bool) -> None:
        """The process ends; ``remove``: and nobody takes the run up."""
        if self._crash is not None:
            faulthandler.disable()
            self._crash.close()
            self._crash = None
        if self._memory is not None:
            # Not ended: whoever leaves in the middle of a call, as by sys.exit, does so because of it.
            if self._work is not None:
                self._work.release()
                self._work = None
            self._memory.close()
            self._memory = None
        if remove and self._folder is not None:
            for name in (NOTE, CRASH, DEATHS):
                with suppress(OSError):
                    (self._folder / name).unlink(missing_ok=True)

    def _open(self, run: str) -> None:
        if self._folder is None:
            return
        try:
            if self._memory is None:
                # Written, not only reserved: a page for which the disk has no room would end the process at the first note.
                (self._folder / NOTE).write_bytes(bytes(_SIZE))
                with (self._folder / NOTE).open("r+b") as file:
                    self._memory = mmap.mmap(file.fileno(), _SIZE)
                self._work = memoryview(self._memory)[:_RUN_AT].cast("q")
            if self._hears and self._crash is None:
                self._crash = (self._folder / CRASH).open("wb")
                faulthandler.enable(self._crash)
        except OSError as error:
            logger.warning("which result ends the reducer would not be known: %s", error)
            return
        self._memory[_RUN_AT:] = run.encode()[: _SIZE - _RUN_AT].ljust(_SIZE - _RUN_AT, b"\0")
        _WORK.pack_into(self._memory, 0, NOBODY, 0)

    # ---- what a former life has left --------------------------------------------------------------------------------------------

    def _left(self, run: str) -> Delivery | None:
        """The delivery that the former life died with."""
        content = self._content(NOTE)
        if len(content) != _SIZE or content[_RUN_AT:].rstrip(b"\0").decode(errors="replace") != run:
            return None
        event, slot = _WORK.unpack_from(content)
        return None if event == NOBODY else (slot, event)

    def _said(self) -> str:
        said = self._content(CRASH)[:_MOST_STACK].decode(errors="replace").strip()
        return said.partition("\nExtension modules:")[0] if said.startswith("Fatal Python error") else ""

    def _read(self, run: str) -> dict[Delivery, Deaths]:
        if self._memory is not None:
            return self._deaths
        try:
            kept = msgspec.msgpack.decode(self._content(DEATHS), type=_Kept)
        except msgspec.DecodeError:
            return {}
        return {(slot, event): deaths for slot, event, deaths in kept.deaths} if kept.run == run else {}

    def _keep(self, run: str) -> None:
        if self._folder is None:
            return
        kept = _Kept(run, [(slot, event, deaths) for (slot, event), deaths in self._deaths.items()])
        try:
            write_whole(self._folder / DEATHS, msgspec.msgpack.encode(kept))
        except OSError as error:
            logger.warning("what the reducer before died of is not kept: %s", error)

    def _content(self, name: str) -> bytes:
        if self._folder is None:
            return b""
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return b""
