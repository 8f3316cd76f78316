"""Latest: what the newest event has shown."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from beamloom.engine.ranges import RangeSet
from beamloom.results.types._account import Account, event_number, frozen, same_settings, same_type
from beamloom.results.types._nexus import Labels, nxdata


class Latest:
    """The value of the highest event number, whichever order they come in; with ``every`` = n only events 0, n, 2n, ... count.

    Whether the value is copied, kept and sent for each event or for every n-th makes a difference where it is large.
    """

    def __init__(self, every: int = 1, *, units: str = "", label: str = "") -> None:
        if every < 1:
            raise ValueError(f"every is a number of events from 1 on, not {every}")
        self.every = every
        self._labels = Labels(units, label)
        self._event = -1
        self._value: Any = None
        self._account = Account()

    def add(self, event: int, value: Any) -> Self:
        """A value of an event: an array, a number or a text. Raises TypeError for anything else."""
        number = event_number(event)
        if number % self.every == 0:
            array = np.array(value)
            if array.dtype.hasobject:
                raise TypeError("a Python object cannot be shown; add a number, a text or an array of them")
            if number > self._event:
                self._event, self._value = number, array
        self._account.enter(number)
        return self

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        same_type(self, other)
        same_settings(self, other, "every")

    def merge(self, other: Self) -> Self:
        """Take the value of ``other`` where it is newer. Raises as ``check`` does, and has changed nothing then."""
        self.check(other)
        if other._event > self._event:
            self._event, self._value = other._event, other._value
        self._labels = self._labels.or_those_of(other._labels)
        self._account.join(other._account)
        return self

    @property
    def event(self) -> int:
        """The event that is shown; -1 as long as there is none."""
        return self._event

    @property
    def value(self) -> Any:
        """What it has shown; None as long as there is none."""
        return None if self._value is None else frozen(self._value)

    @property
    def coverage(self) -> RangeSet:
        """The events that came in, also those that are no longer shown."""
        return self._account.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._account.version

    def snapshot(self) -> dict[str, Any]:
        """An NXdata group with ``value`` and the number of its ``event``; without a value as long as there is none."""
        return self._account.snapshot(self._show)

    def _show(self) -> dict[str, Any]:
        if self._value is None:
            return {"_attrs": {"NX_class": "NXdata"}, "event": -1}
        return nxdata("value", self._labels, {"value": self.value, "event": self._event})

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {
            "every": self.every,
            "event": self._event,
            "value": self._value,
            "coverage": self._account.ranges(),
            "labels": self._labels,
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls(state["every"], units=state["labels"].units, label=state["labels"].label)
        made._event, made._value = state["event"], state["value"]
        made._account = Account.of(state["coverage"])
        return made
