"""The beginning of a run: every process confirms, every device is there, or the run is refused with the reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from beamloom.engine.run import Run
from beamloom.errors import UserError
from beamloom.services.membership import name_of
from beamloom.triggermap import TriggerMap


class ArmingRefused(UserError):
    """A run that cannot begin; the text says what is in the way."""


class NotThere(ArmingRefused):
    """What the run needs did not come up in time: a device, or a process."""


class Arming:
    """Waits until all processes of a run have confirmed."""

    def __init__(
        self,
        run: Run,
        written: TriggerMap,
        awaited: Iterable[str],
        deadline: float,
        reply: Callable[[str | Exception], None],
    ) -> None:
        self.run = run
        self.written = written
        """The trigger map in the words in which it was given."""
        self.reply = reply
        """To be called once: with the run's id, or with why there is no run."""
        self.ticks: dict[str, float] = {}
        """Intervals at which workers want to be ticked, in seconds."""
        self._awaited = set(awaited)
        self._participants = frozenset(self._awaited)
        self._deadline = deadline
        self._problems: list[str] = []
        self._absent = False

    def confirm(
        self, peer: str, problem: str | None, tick_interval: float | None = None, *, absent: bool = False
    ) -> None:
        """A process is ready, or says why it is not; ``absent``: a device did not come up in time."""
        self._awaited.discard(peer)
        self._absent = self._absent or absent
        if problem is not None and problem not in self._problems:
            self._problems.append(problem)
        if tick_interval is not None:
            self.ticks[peer] = tick_interval

    def lose(self, peer: str, in_the_way: str | None) -> None:
        """A process has gone before the run began, whether or not it had confirmed; ``in_the_way``: why the run cannot do without."""
        if peer in self._participants:
            self._awaited.discard(peer)
            self._participants -= {peer}
            self.ticks.pop(peer, None)
            if in_the_way is not None:
                self._problems.append(f"{name_of(peer)!r} died while the run was armed: {in_the_way}")

    def __contains__(self, peer: object) -> bool:
        """Whether a process was asked to confirm; one that came later was not."""
        return peer in self._participants

    def outcome(self, now: float) -> bool | ArmingRefused | None:
        """None while others are awaited, True when all are ready, else why the run cannot begin."""
        if self._awaited and now < self._deadline:
            return None
        if self._problems:
            refusal = NotThere if self._absent else ArmingRefused
            return refusal("the run was not armed: " + "; ".join(self._problems))
        if self._awaited:
            names = ", ".join(sorted(map(name_of, self._awaited)))
            return NotThere(
                f"the run was not armed: no answer in time from {names}; look at their logs or restart them"
            )
        return True
