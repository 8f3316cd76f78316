"""What a user's class calls as ``self.feedback(kind, ...)``.

Policy: it is given to instances, so that a class needs no base for it; a class that has something of that name keeps its own. What is said
is checked and turned into JSON at the call, so that an error shows the line that made it. It is gathered here until whoever called the hook
takes it; where nobody does, as in a check or when a call is made again, nothing comes of it.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import threading
import time
from typing import Any

from beamloom.analysis._errors import AnalysisError
from beamloom.engine.feedback import Spoken

MOST_BYTES = 64 << 10
"""Of one payload as JSON."""
MOST_GATHERED = 10_000
"""Pieces that may be given before they are taken, which is after a batch of results at the latest."""
MOST_GATHERED_BYTES = 16 << 20
"""Bytes of their payloads."""
ATTRIBUTE = "feedback"
START_RULE = "start_rule"
"""The kind that starts a rule, and what instances call for it."""
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")


class FeedbackError(AnalysisError):
    """Feedback that cannot be given so; the text says how it can."""


class GiveFeedback:
    """Takes what the analysis has to say.

    In a class, ``feedback: GiveFeedback`` tells type checkers what they will find.
    """

    def __init__(self) -> None:
        self.event: int | None = None
        """The event that hooks are called for now; None where they belong to none."""
        self.said: list[Spoken] = []
        """What was said since it was taken; the same list always."""
        self._bytes = 0
        self.refusal: str | None = None
        """Why nothing can be said now, in a sentence; None while it can."""
        self._watched = False
        self._thread: int | None = None

    def __call__(self, kind: str, payload: Any = None, /, **values: Any) -> None:
        """Say something to whoever steers the experiment, exactly once and in order.

        ``stop`` ends the run; ``next_position``, ``quality_reached``, ``warning`` and any other kind are passed on. ``payload`` is
        whatever JSON can hold, numpy arrays and scalars included, NaN as null; or give it by names: ``feedback("next_position", x=1.5)``.
        Raises FeedbackError.
        """
        if not isinstance(kind, str) or not _KIND.fullmatch(kind):
            raise FeedbackError(
                f"the kind of feedback is {kind!r}; it is a name such as 'stop' or 'next_position', of letters, digits and _ . -"
            )
        if values and payload is not None:
            raise FeedbackError(
                f"feedback({kind!r}, ...) got both a payload and values by name; put them into one dictionary"
            )
        if self._watched and threading.get_ident() != self._thread:
            raise FeedbackError(
                f"feedback({kind!r}, ...) was called outside of a hook; call it in process_event of a worker, or in process_result, timer "
                "or finish of a reducer, and in no thread of your own"
            )
        if self.refusal is not None:
            raise FeedbackError(self.refusal)
        payload = _as_json(kind, values or payload)
        if len(self.said) >= MOST_GATHERED or self._bytes + len(payload) > MOST_GATHERED_BYTES:
            if self._watched:
                raise FeedbackError(
                    f"feedback was given {len(self.said)} times in one go; give it when something is decided, and publish the rest"
                )
            self.take()
        self._bytes += len(payload)
        self.said.append(Spoken(kind, payload, time.time(), self.event))

    def watch(self) -> None:
        """Take something only between ``open`` and ``shut``, from the thread that has opened it."""
        self._watched, self._thread = True, None

    def open(self, event: int | None = None) -> None:
        """From now on this thread calls hooks that may say something; what was said before and not taken does not count."""
        self.take()
        self.event = event
        self._thread = threading.get_ident()

    def shut(self) -> None:
        """No hook is called from now on; what was said is still to be taken."""
        self._thread = None

    def take(self) -> list[Spoken]:
        """What was said since the last time."""
        said = self.said[:]
        self.said.clear()
        self._bytes = 0
        return said

    def __reduce__(self) -> Any:
        # An instance may be copied, or kept as a pickle: its copy says nothing to the pipeline.
        return (GiveFeedback, ())


class StartRule:
    """Starts a rule of the pipeline file, exactly once however often the call is made again.

    In a class, ``start_rule: StartRule`` tells type checkers what they will find.
    """

    def __init__(self, feedback: GiveFeedback) -> None:
        self._feedback = feedback

    def __call__(self, name: str, /, **inputs: Any) -> None:
        """Start the rule ``name``, which the pipeline file has as ``when: asked``; ``inputs`` are names for its paths and arguments.

        Raises FeedbackError.
        """
        if not isinstance(name, str) or not name:
            raise FeedbackError(f"start_rule takes the name of a rule of the pipeline file, not {name!r}")
        self._feedback(START_RULE, {"rule": name, "inputs": inputs})

    def __reduce__(self) -> Any:
        return (StartRule, (self._feedback,))


def attach(instance: Any, feedback: GiveFeedback) -> None:
    """Give an instance its ``feedback`` and ``start_rule``, unless its class has something else of that name, or no room for it."""
    for name, given in ((ATTRIBUTE, feedback), (START_RULE, StartRule(feedback))):
        if isinstance(inspect.getattr_static(instance, name, None), GiveFeedback | StartRule | None):
            with contextlib.suppress(AttributeError):
                setattr(instance, name, given)


def _as_json(kind: str, payload: Any) -> bytes:
    from beamloom.results.plain import NotPlain, to_json  # what never gives feedback needs none of it

    try:
        encoded = to_json(payload)
    except (NotPlain, ValueError, TypeError) as error:
        raise FeedbackError(
            f"feedback({kind!r}, ...): {error}, which JSON cannot hold; give numbers, texts, lists and dictionaries"
        ) from None
    if len(encoded) > MOST_BYTES:
        raise FeedbackError(
            f"feedback({kind!r}, ...) has {len(encoded)} bytes as JSON, and at most {MOST_BYTES} are passed on; publish what is large, and "
            "say here where it is"
        )
    return encoded
