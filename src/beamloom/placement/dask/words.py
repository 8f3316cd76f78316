"""What the supervisor and those who hold its processes on Dask workers say to each other.

An order is the argument of a task; what is said of the process that it asks for goes by Dask's topics, to all who listen: each supervisor
hears its own by its token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

TOPIC: Final = "beamloom-processes"
"""One for all pipelines: a scheduler keeps the last messages of each topic for ever."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A process that is to run."""

    token: str
    """Of the supervisor."""
    key: str
    """Of the task."""
    argv: tuple[str, ...]
    """What follows the name of the interpreter."""
    env: Mapping[str, str]
    """Variables beside those of the Dask worker."""
    version: str
    """Of Beamloom, at the supervisor."""


class Begun(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The process runs."""

    key: str
    life: str
    """A task that Dask begins anew has another one."""
    where: str
    """Address of the Dask worker."""
    host: str
    pid: int


class Wrote(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Lines of its output."""

    key: str
    lines: tuple[str, ...]


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It has ended, with all that it started."""

    key: str
    life: str
    status: int
    how: str
    """What goes behind its name in a sentence."""


Said = Begun | Wrote | Ended
