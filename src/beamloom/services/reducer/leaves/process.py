"""A leaf in a process of its own: the process, and how the reducer has it.

Policy: the reducer starts its leaves and ends them; none outlives it. With each it shares a socket in a folder that is the user's alone.
Signals to end are the reducer's to heed, so that a Ctrl-C in a terminal, which goes to all, lets it finish with leaves that are there.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from beamloom.analysis import ReducerAnalysis, load_class
from beamloom.errors import UserError
from beamloom.lifeline import die_with
from beamloom.services.reducer.leaves.leaf import Leaf, LeafWords
from beamloom.services.reducer.leaves.links import LeafDied
from beamloom.services.reducer.leaves.messages import Ask, encode
from beamloom.services.shell.evidence import evidence_of
from beamloom.settings import ReducerSettings
from beamloom.transport.pairs import Pair

logger = logging.getLogger(__name__)

LONGEST_FOLDER = 80
"""Letters of the folder for temporary files in which sockets can have theirs: the system takes 107 for all of a path."""
PARTING = 5.0
"""Seconds in which a leaf has to end when the reducer does."""


class Plan(msgspec.Struct):
    """What the process is told on its command line, which everybody can read; the settings come by the socket."""

    name: str
    address: str
    words: str
    parent: int


class LeafProcess:
    """One leaf, started when this is made. It ends with the thread that makes it, however that ends."""

    def __init__(self, settings: ReducerSettings, number: int, folder: Path) -> None:
        self.name = f"{settings.name}-leaf-{number}"
        self._words = LeafWords(folder / f"{number}.words")
        address = str(folder / str(number))
        self._pair = Pair(address, listens=False)
        self._closed = False
        plan = Plan(self.name, address, str(folder / f"{number}.words"), os.getpid())
        words = [
            sys.executable,
            "-P",
            "-m",
            "beamloom.services.reducer.leaves.process",
            msgspec.json.encode(plan).decode(),
        ]
        self._child = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        self._pair.send([msgspec.msgpack.encode(settings)])

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._child.pid

    @property
    def pollable(self) -> Any:
        """What becomes readable when it has answered."""
        return self._pair.socket

    def send(self, frames: Sequence[Any]) -> None:
        """Send a request, with its frames, which do not change any more."""
        self._pair.send(frames)

    def receive(self, timeout: float) -> list[Sequence[Any]]:
        """The answers that have come; waits for the first one. Raises LeafDied where it has ended and said nothing more."""
        ended = self._child.poll()
        received: list[Sequence[Any]] = list(self._pair.receive(timeout))
        if not received and ended is not None:
            how = (
                f"was killed by {signal.Signals(-ended).name}"
                if ended < 0
                else f"ended with exit status {ended}"
            )
            raise LeafDied(
                f"{self.name} {how}; the reducer ends with it, and goes on from its journal when it is started again"
            )
        return received

    def await_start(self) -> None:
        """Return when it is there, or has ended before it was."""
        while self._child.poll() is None:
            if self._pair.receive(0.1):
                return

    @property
    def delivery(self) -> tuple[int, int] | None:
        """Slot and event of the result that the user's class has there."""
        return self._words.delivery

    def close(self) -> None:
        """Have the user's class close, and end the process; does nothing the second time."""
        if self._closed:
            return
        self._closed = True
        with suppress(OSError):
            self._pair.send([encode(Ask(0, "close"))])
        try:
            self._child.wait(PARTING)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not end within %g s and is killed", self.name, PARTING)
            self._child.kill()
            self._child.wait()
        self._pair.close()


class Leaves:
    """All leaves of a reducer."""

    def __init__(self, settings: ReducerSettings) -> None:
        """Start them and wait until they are there; none where the settings want one: the reducer reduces itself."""
        self.links: list[LeafProcess] = []
        if settings.leaves > 1 and settings.reducer_class is not None:
            # A batch system may give a job one that is far down.
            near = len(os.fsencode(tempfile.gettempdir())) <= LONGEST_FOLDER
            folder = Path(tempfile.mkdtemp(prefix="beamloom-", dir=None if near else "/tmp"))
            self.links = [LeafProcess(settings, number, folder) for number in range(1, settings.leaves + 1)]
            for one in self.links:
                one.await_start()
            # All hold open what they need of it: nothing is left behind, however this process ends.
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """End those that still are."""
        for one in self.links:
            one.close()

    def status(self) -> list[dict[str, Any]]:
        """Which processes they are, for people."""
        return [{"name": one.name, "pid": one.pid} for one in self.links]


def serve(leaf: Leaf, pair: Pair) -> None:
    """Answer until the reducer says that it is over."""
    pair.send([b""])
    while not leaf.ended:
        for frames in pair.receive(leaf.wait(time.monotonic())):
            for answer in leaf.heed(frames, time.monotonic()):
                pair.send(answer, changes=True)
        for said in leaf.turn(time.monotonic()):
            pair.send(said, changes=True)


def main() -> int:
    """Be the leaf that the command line describes."""
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    die_with(plan.parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    pair = Pair(plan.address, listens=True)
    try:
        settings = msgspec.msgpack.decode(pair.receive_one()[0], type=ReducerSettings)
        logging.basicConfig(
            level=settings.log_level, format=f"%(levelname)s {plan.name}: %(message)s", stream=sys.stderr
        )
        if settings.reducer_class is None:
            raise UserError("a leaf needs a reducer class; name one as reducer_class")
        analysis = ReducerAnalysis(load_class(settings.reducer_class, settings.analysis_path))
        serve(Leaf(settings, analysis, LeafWords(Path(plan.words)), evidence_of(settings)), pair)
    except UserError as error:
        logger.error("%s", error)
        return 1
    finally:
        pair.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
