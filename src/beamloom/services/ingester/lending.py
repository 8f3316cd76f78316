"""The large frames of an ingester in memory that workers of the same host read in place.

Policy: memory is set up with the first frame that is large enough, and offered to each worker once in its life. Before a worker has said
that it can read it, and when it cannot, its frames travel with their messages; why it cannot is said once. While nobody can, frames are
not copied there.
"""

from __future__ import annotations

import logging
from typing import Any

from beamloom.engine.streams.packet_rows import PacketRow, Rows
from beamloom.services.shell.membership import name_of
from beamloom.settings import IngesterSettings
from beamloom.transport.channel import Channel
from beamloom.transport.messages import Borrows, Offer
from beamloom.transport.shared_memory import NOWHERE, SHARED_BYTES, FrameMemory

logger = logging.getLogger(__name__)

BESIDE = 256 << 20
"""Room beside that of the retention, in bytes: for frames that wait for those before them, or for a disk."""


class Lending:
    """What one ingester lends to the workers."""

    def __init__(self, channel: Channel, nbytes: int) -> None:
        """``nbytes``: room for frames, which is taken up only as it is used; 0: nothing is ever lent."""
        self._channel = channel
        self._nbytes = nbytes
        self._memory: FrameMemory | None = None
        self._asked: set[str] = set()
        self._readers: set[str] = set()
        self._workers: set[str] = set()

    @property
    def memory(self) -> FrameMemory | None:
        """The memory for frames, set up when it is first asked for; None where there is none."""
        if self._memory is None and self._nbytes:
            try:
                self._memory = FrameMemory(self._nbytes)
            except OSError as error:
                self._nbytes = 0
                logger.warning("large frames are not shared, and travel with their messages: %s", error)
        return self._memory

    @property
    def active(self) -> bool:
        """Whether frames are lent, to whoever can read them."""
        return self._nbytes > 0

    # ---- who reads ---------------------------------------------------------------------------------------------------------

    def meet(self, worker: str) -> None:
        """A worker takes part in the run, and can be sent to."""
        self._workers.add(worker)
        if self._memory is not None:
            self._offer(self._memory)

    def _offer(self, memory: FrameMemory) -> None:
        for worker in self._workers - self._asked:
            self._asked.add(worker)
            self._channel.send(worker, Offer(memory.name, self._channel.address))

    def answered(self, worker: str, answer: Borrows) -> None:
        """A worker has said whether it can read the memory."""
        if self._memory is None or answer.memory != self._memory.name or worker not in self._asked:
            return
        if answer.problem is None:
            self._readers.add(worker)
        else:
            self._readers.discard(worker)
            logger.info(
                "large frames travel to %s with their messages, not through shared memory: %s",
                name_of(worker),
                answer.problem,
            )

    def part(self, worker: str) -> None:
        """A worker is gone."""
        for group in (self._workers, self._asked, self._readers):
            group.discard(worker)

    def room(self) -> FrameMemory | None:
        """Where sources may write frames; None where nothing is lent."""
        memory = self.memory
        if memory is not None:
            self._offer(memory)
        return memory

    # ---- frames ------------------------------------------------------------------------------------------------------------

    def take_over(self, arrivals: Rows) -> None:
        """Put the large frames of these into memory, as far as somebody reads it and there is room."""
        for row in arrivals:
            if isinstance(row, PacketRow) and row.nbytes >= SHARED_BYTES and max(row.sizes) >= SHARED_BYTES:
                memory = self.room()
                if memory is None or not self._readers:
                    return
                row.frames = [
                    memory.put(frame) if size >= SHARED_BYTES else frame
                    for frame, size in zip(row.frames, row.frame_sizes(), strict=True)
                ]

    def lend(self, worker: str, buffers: list[Any]) -> tuple[str, list[tuple[int, int, int]], list[Any]]:
        """Of frames for a worker, the first of which joins small ones: the memory that some lie in, their places, and what has to travel.

        No places where that is all of them.
        """
        memory = self._memory
        if memory is None or len(buffers) < 2 or worker not in self._readers:
            return "", [], buffers
        large = buffers[1:]
        places: list[tuple[int, int, int]] = list(map(memory.place, large))
        rest = [frame for frame, place in zip(large, places, strict=True) if place == NOWHERE]
        if len(rest) == len(large):
            return "", [], buffers
        return memory.name, places, [buffers[0], *rest]

    @property
    def nbytes(self) -> int:
        """Bytes of shared memory that frames take."""
        return 0 if self._memory is None else self._memory.nbytes

    def close(self) -> None:
        """The process ends."""
        if self._memory is not None:
            self._memory.close()


def lending_of(settings: IngesterSettings, channel: Channel) -> Lending:
    """As the settings of an ingester have it: all that its retention holds has room, and what is under way to it."""
    retained = settings.retention_bytes * len(settings.streams)
    return Lending(channel, 0 if settings.shared_memory == "off" else retained + retained // 4 + BESIDE)
