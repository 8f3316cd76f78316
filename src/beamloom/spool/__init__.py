"""Packets on disk: what does not fit into the memory of an ingester, and what is to outlive it.

The files are those of the journal room, and packets stand in them as they stand in messages.
"""

from beamloom.spool.packets import DiskSpool
from beamloom.spool.segments import remove_spool

__all__ = ["DiskSpool", "remove_spool"]
