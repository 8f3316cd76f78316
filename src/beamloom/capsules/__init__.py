"""Capsules: one call of user code that failed, with all that it takes to make that call again, in one file.

>>> from beamloom.capsules import read_capsule, rerun  # doctest: +SKIP
>>> rerun(read_capsule("event-17-worker-1-3f2a91c0de.capsule"))  # doctest: +SKIP
"""

from beamloom.capsules._call import NotReproducible, Rerun, foreign_owner, rerun, rerun_in_child
from beamloom.capsules._capsule import SUFFIX, Capsule, Given, KeptState, NotACapsule, read_capsule
from beamloom.capsules._pytest import write_test
from beamloom.capsules._shelf import Shelf, capsules_folder, find_capsule
from beamloom.capsules._state import keep_state

__all__ = [
    "SUFFIX",
    "Capsule",
    "Given",
    "KeptState",
    "NotACapsule",
    "NotReproducible",
    "Rerun",
    "Shelf",
    "capsules_folder",
    "find_capsule",
    "foreign_owner",
    "keep_state",
    "read_capsule",
    "rerun",
    "rerun_in_child",
    "write_test",
]
