"""What became of the hits of a stream, in numbers."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class Counts:
    """Each hit that was offered is in ``taken``, ``dropped``, ``given_up`` or ``unkept``, or among those ``waiting`` and ``handed``."""

    offered: int = 0
    taken: int = 0
    """A client asked for more after it."""
    dropped: int = 0
    """Nobody asked for it in time, and there was no room."""
    given_up: int = 0
    """Its clients died, as often as ``attempts`` allows."""
    unkept: int = 0
    """Its client died when its pixels had been forgotten, as those handed out filled the memory alone."""
    waiting: int = 0
    handed: int = 0
    """With a client now."""
    handed_again: int = 0
    """Times that a hit went back as its client died."""
    repeated: int = 0
    """Offered once more, as after a restart, and not handed out once more. Not in ``offered``."""
    clients: int = 0
    asking: int = 0
    memory_bytes: int = 0
    disk_bytes: int = 0

    @property
    def settled(self) -> int:
        """Hits of which nothing more is to come."""
        return self.taken + self.dropped + self.given_up + self.unkept
