"""Large frames in memory that the processes of one host share: they are written once, and after that only their places travel.

The ingester owns the memory, is the only one who allots it, and keeps a frame as long as anything in its process refers to it: the
retention until the event is settled, a recording or a spool until it is written. So retention is the owner, and a reader that dies leaves
nothing behind. Readers map the memory read-only, and nobody counts them: each place carries a generation, by which a reader that
was given up long ago sees that what it reads has been replaced.

The memory has no name. It is a memory file of the ingester (``memfd``) that others open through ``/proc``, which works for processes of one
user that see each other, and it is gone when the last process that has it open has ended, however that ended.
"""

from beamloom.transport.shared_memory.borrowing import Borrowed, Borrowing, Gone, StaleFrame, Unshared
from beamloom.transport.shared_memory.frame_memory import NOWHERE, FrameMemory, Place
from beamloom.transport.shared_memory.layout import SHARED_BYTES

__all__ = [
    "NOWHERE",
    "SHARED_BYTES",
    "Borrowed",
    "Borrowing",
    "FrameMemory",
    "Gone",
    "Place",
    "StaleFrame",
    "Unshared",
]
