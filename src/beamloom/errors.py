"""Errors whose text is written for the person at the keyboard."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar


class UserError(Exception):
    """Something that its reader can mend; the text is a sentence that says what is wrong and what to do next.

    The command line prints the text alone, without a traceback, and ends with ``exit_status``.
    """

    exit_status: ClassVar[int] = 1
    """1: the run or the analysis failed."""


class UsageError(UserError):
    """What was asked for cannot be done as asked: a wrong flag, setting or file."""

    exit_status: ClassVar[int] = 2
    """2: nothing was started."""


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """`` (did you mean 'streams'?)`` for the known word closest to ``wrong``; empty when none is close."""
    candidates = list(known)
    close = difflib.get_close_matches(wrong, candidates, n=1, cutoff=0.6)
    if not close:
        lowered = {candidate.lower(): candidate for candidate in candidates}
        close = [lowered[key] for key in difflib.get_close_matches(wrong.lower(), lowered, n=1, cutoff=0.6)]
    return f" (did you mean {close[0]!r}?)" if close else ""
