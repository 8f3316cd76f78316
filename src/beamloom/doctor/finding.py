"""One thing that is wrong, for people and for programs."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Gravity(StrEnum):
    """How bad it is."""

    TROUBLE = "trouble"
    """A run does not go on, events are lost, or no run can begin."""
    WARNING = "warning"
    """It goes on, and will not for ever, or not as fast as it could."""
    NOTE = "note"
    """It is over, and all is well again; somebody may want to know."""


class Finding(msgspec.Struct, frozen=True):
    """What a check has found."""

    check: str
    """Which check, such as ``stream-stalled``; programs go by this."""
    about: str
    """The stream, the process, the folder that it is about."""
    what: str
    """What is wrong, in a sentence that begins in lower case and has no end."""
    do: str
    """What to do about it, in the same form."""
    since: float | None = None
    """Unix time (s) since when; None where nobody knows."""
    gravity: Gravity = Gravity.TROUBLE


def span(seconds: float) -> str:
    """A duration as people say it: ``3 ms``, ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 0.1:
        return f"{max(1000 * seconds, 0.0):.2g} ms"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(count: float) -> str:
    """Bytes as people say them: ``512 bytes``, ``1.4 MB``, ``26 GB``."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} bytes"


def listed(names: list[str], most: int = 5) -> str:
    """Names one after the other: ``a``, ``a and b``, ``a, b and 7 others``."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
