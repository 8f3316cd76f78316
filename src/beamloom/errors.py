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


class PipelineError(UserError):
    """What a pipeline that runs elsewhere answers, or why it does not; all errors of ``beamloom.connect`` are of this kind."""


class NotReachable(PipelineError, ConnectionError):
    """Nobody answers at the address."""


class TimedOut(PipelineError, TimeoutError):
    """What was waited for did not come in time."""


class NoController(PipelineError):
    """What was asked for needs a controller, and only the reducer's address is known."""


class RunAborted(PipelineError):
    """The run came to its end before its time, and not because somebody asked it to stop."""


class RequestRefused(PipelineError):
    """A process answered that it cannot do this; the text is its own sentence."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status
        """Of HTTP: 4xx where the request is wrong, 5xx where the process is in trouble."""


class MapRefused(RequestRefused):
    """A trigger map that cannot be run, now or at all."""


class NotPublished(RequestRefused, KeyError):
    """There is nothing of this name among the results."""

    def __str__(self) -> str:
        return str(self.args[0])


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """`` (did you mean 'streams'?)`` for the known word closest to ``wrong``; empty when none is close."""
    candidates = list(known)
    close = difflib.get_close_matches(wrong, candidates, n=1, cutoff=0.6)
    if not close:
        lowered = {candidate.lower(): candidate for candidate in candidates}
        close = [lowered[key] for key in difflib.get_close_matches(wrong.lower(), lowered, n=1, cutoff=0.6)]
    return f" (did you mean {close[0]!r}?)" if close else ""
