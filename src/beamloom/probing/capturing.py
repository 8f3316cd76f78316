"""Writing what a socket sends into a capture, until enough has come or somebody says stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from beamloom.devices.captures import write_capture
from beamloom.errors import UserError
from beamloom.probing.listening import Listener

_TURN_SECONDS: Final = 0.05
"""How long one wait for messages lasts; between two, somebody may say stop."""


@dataclass
class CaptureProgress:
    """How far a capture has come."""

    messages: int = 0
    nbytes: int = 0
    seconds: float = 0.0
    """Since the beginning."""
    first_at: float | None = None
    """When the first message came, in these seconds."""
    last_at: float = 0.0
    """When the last one came."""
    problem: str | None = None
    """Why there is no connection at present."""

    @property
    def rate(self) -> float:
        """Messages per second between the first and the last; 0 while there is but one."""
        span = self.last_at - (self.first_at or 0.0)
        return (self.messages - 1) / span if self.messages > 1 and span > 0 else 0.0


def capture(
    listener: Listener,
    path: Path,
    *,
    seconds: float | None = None,
    messages: int | None = None,
    stopped: Callable[[], bool] = lambda: False,
    show: Callable[[CaptureProgress], None] = lambda progress: None,
) -> CaptureProgress:
    """Write what comes to ``path`` for so many seconds, or messages, or until ``stopped()``; ``show`` is called often.

    The file appears under its name when it is whole. Raises UserError when nothing came, and there is no file then.
    """
    progress = CaptureProgress()
    try:
        write_capture(path, _arriving(listener, progress, seconds, messages, stopped, show))
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}; choose another place") from error
    return progress


def _arriving(
    listener: Listener,
    progress: CaptureProgress,
    seconds: float | None,
    messages: int | None,
    stopped: Callable[[], bool],
    show: Callable[[CaptureProgress], None],
) -> Iterator[list[Any]]:
    begun = time.monotonic()
    while not stopped() and (seconds is None or time.monotonic() - begun < seconds):
        arrived = listener.receive(_TURN_SECONDS)
        progress.seconds = time.monotonic() - begun
        for message in arrived:
            progress.messages += 1
            progress.nbytes += sum(map(len, message))
            if progress.first_at is None:
                progress.first_at = progress.seconds
            progress.last_at = progress.seconds
            yield message
            if progress.messages == messages:
                return
        progress.problem = listener.problem()
        show(progress)
    if not progress.messages:
        why = progress.problem or "the connection stood, but no message came; is the device sending?"
        raise UserError(f"nothing was captured: {why}")
