"""What the analysis says while it goes on: each piece once and in order, over any number of connections and controllers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Iterator

import msgspec

from beamloom.client._http import Service
from beamloom.engine.feedback import FeedbackPiece, sentence_of, words_of
from beamloom.errors import NotReachable, PipelineError, RequestRefused, TimedOut

logger = logging.getLogger(__name__)

LONGEST_WAIT = 20.0
"""Seconds for which one question waits."""
STOP_SECONDS = 0.5
"""The same where somebody may say that it is enough."""
PAUSE_SECONDS = 0.2
"""Before a controller that is away is asked again."""


class Feedback(FeedbackPiece, frozen=True):
    """One thing that the analysis of a run has said."""

    @property
    def place(self) -> str:
        """Where this is: ``feedback(after=place)`` goes on behind it."""
        return f"{self.run}:{self.number}"

    def __str__(self) -> str:
        return sentence_of(self.kind, self.event, words_of(self.payload))


class _Part(msgspec.Struct):
    feedback: list[Feedback]
    place: str
    over: bool
    missed: int


def feedback_of(
    controller: Service,
    *,
    run: str | None,
    after: str,
    kinds: Collection[str],
    timeout: float | None,
    stop: threading.Event | None = None,
) -> Iterator[Feedback]:
    """What the analysis says behind ``after``; of ``run`` alone, until it is over, where that is given, and until ``stop``.

    Raises TimedOut where nothing has come for ``timeout`` seconds, RequestRefused where there is no such run.
    """
    place = after
    since = time.monotonic()
    while stop is None or not stop.is_set():
        left = LONGEST_WAIT if timeout is None else since + timeout - time.monotonic()
        problem: PipelineError | None = None
        part: _Part | None = None
        try:
            part = _ask(
                controller, run, place, kinds, min(left, LONGEST_WAIT if stop is None else STOP_SECONDS)
            )
        except (NotReachable, TimedOut) as error:
            problem = error
        except RequestRefused as error:
            if error.status < 500:
                raise
            problem = error
        if part is not None:
            place = part.place
            if part.missed:
                logger.warning(
                    "%d pieces of feedback came before these and are not kept any more", part.missed
                )
            for one in part.feedback:
                yield one
                since = time.monotonic()
            if part.over and run is not None and not part.feedback:
                return
        if timeout is not None and time.monotonic() - since >= timeout:
            why = "" if problem is None else f": {problem}"
            what = f" ({', '.join(sorted(kinds))})" if kinds else ""
            raise TimedOut(f"the analysis has given no feedback{what} for {timeout:g} s{why}") from problem
        if problem is not None:
            (stop or threading.Event()).wait(PAUSE_SECONDS)


def said_of(
    controller: Service, *, run: str | None, after: str, kinds: Collection[str]
) -> Iterator[Feedback]:
    """What the analysis has said behind ``after`` until now. Raises RequestRefused where there is no such run."""
    place: str | None = None
    while place is None or place != after:
        place, after = after, (part := _ask(controller, run, after, kinds, 0.0)).place
        yield from part.feedback


def _ask(controller: Service, run: str | None, place: str, kinds: Collection[str], seconds: float) -> _Part:
    asked = {"wait": f"{max(seconds, 0):.3f}", "after": place, "run": run or "", "kind": ",".join(kinds)}
    answer = controller.ask(
        "GET",
        "/api/v1/feedback",
        params={name: value for name, value in asked.items() if value},
        timeout=seconds + controller.timeout,
    )
    return controller.decoded(answer, _Part)
