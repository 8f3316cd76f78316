"""How hits are streamed: where, how much is kept, and what becomes of hits that nobody asks for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Literal, get_args

from beamloom import UserError

WhenFull = Literal["drop_oldest", "drop_newest", "spill"]
"""What becomes of hits that nobody has asked for yet when ``memory_bytes`` are full: the oldest go, or the newest, or they go to disk."""
Pixels = Literal["float32", "int32"]
"""The two types of pixels that CrystFEL reads."""

LONGEST_KEEP_ALIVE = 2.5
"""Seconds. CrystFEL gives up waiting after 3 s each time, and looks again."""


class StreamError(UserError, ValueError):
    """Settings, frames or addresses with which hits cannot be streamed."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """The settings of one stream of hits. Raises StreamError for those that cannot be."""

    address: str = "tcp://127.0.0.1:12322"
    """Where programs ask for hits (``indexamajig --zmq-input``); OM's ``responding_url``. A ZeroMQ endpoint, tcp or ipc."""
    broadcast_address: str = ""
    """Where frames and results are published to all who listen; OM's ``data_broadcast_url``. Empty: nowhere."""
    pixels: Pixels = "float32"
    """How pixels are sent; ``int32`` for frames of integers only, others go as ``float32``."""
    memory_bytes: int = 1 << 30
    """The most that hits take in memory, those handed out and not yet done included."""
    when_full: WhenFull = "drop_oldest"
    folder: Path | None = None
    """Where ``spill`` puts hits, and where is written which hits were taken, so that a reducer that starts again in the middle of a
    run does not hand them out once more. None: neither."""
    spill_bytes: int = 16 << 30
    """The most that hits take on disk; then the oldest are dropped."""
    keep_alive: float = 1.0
    """Seconds after which a client that waits is told that there is nothing yet."""
    wake_after: float = 3.0
    """Seconds after which a client that has connected and never asked is told that there is nothing: it may wait for the answer of a
    process that is gone."""
    attempts: int = 3
    """A hit whose clients died so many times is not handed out again."""
    patience: float | None = None
    """Seconds after which a hit is handed to another client though the first is still there. None: never."""
    frames_per_second: float = 5.0
    """The most frames that are published each second."""

    def __post_init__(self) -> None:
        for name in ("memory_bytes", "spill_bytes", "attempts"):
            if getattr(self, name) < 1:
                raise StreamError(f"{name} is {getattr(self, name)}; give a number of 1 or more")
        if not 0 < self.keep_alive <= LONGEST_KEEP_ALIVE:
            raise StreamError(
                f"keep_alive is {self.keep_alive}; give seconds above 0 and up to {LONGEST_KEEP_ALIVE}, as CrystFEL waits for 3"
            )
        if not self.wake_after > 0:
            raise StreamError(f"wake_after is {self.wake_after}; give seconds above 0")
        if self.patience is not None and not self.patience > 0:
            raise StreamError(f"patience is {self.patience}; give seconds above 0, or leave it out")
        if not self.frames_per_second > 0:
            raise StreamError(f"frames_per_second is {self.frames_per_second}; give a number above 0")
        for name, choices in (("when_full", get_args(WhenFull)), ("pixels", get_args(Pixels))):
            if getattr(self, name) not in choices:
                raise StreamError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(choices)}")
        if self.when_full == "spill" and self.folder is None:
            raise StreamError(
                "when_full is 'spill' and there is no folder; give one that has room for spill_bytes"
            )
        for name in ("address", "broadcast_address"):
            address = getattr(self, name)
            if address and not address.startswith(("tcp://", "ipc://")):
                raise StreamError(f"{name} is {address!r}; write it as tcp://HOST:PORT or ipc://PATH")
        if not self.address:
            raise StreamError("address is empty; write it as tcp://HOST:PORT or ipc://PATH")
