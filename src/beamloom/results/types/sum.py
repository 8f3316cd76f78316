"""Sum: the values of all events added up, element by element."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt

from beamloom.engine.ranges import RangeSet
from beamloom.results.types._account import Account, event_number, frozen, numbers, same_type, sum_dtype
from beamloom.results.types._nexus import Labels, nxdata


class Sum:
    """A virtual powder, a total spectrum, a count: values of one shape, added up in 64 bits of their kind.

    Unsigned numbers are summed as uint64, signed ones as int64, real ones as float64, complex ones as complex128. Sums of whole numbers
    do not depend on how the events were spread over workers; those of others do in the last digits, as additions are rounded.
    """

    def __init__(self, *, units: str = "", label: str = "") -> None:
        self._labels = Labels(units, label)
        self._values: npt.NDArray[Any] | None = None
        self._dtype: np.dtype[Any] | None = None
        self._count = 0
        self._writable = False
        self._account = Account()

    def add(self, event: int, value: Any) -> Self:
        """A value of an event; an event may have several. Raises ValueError for another shape, TypeError for what is no number."""
        number, array = event_number(event), numbers(value)
        self._check_shape(array.shape)
        if self._values is None:
            # It stays in its own type as long as it is alone: a partial of one frame travels as that frame.
            self._values, self._dtype = array.copy(), sum_dtype(array.dtype)
        else:
            self._sum_up(array, sum_dtype(array.dtype))
        self._count += 1
        self._account.enter(number)
        return self

    def _check_shape(self, shape: tuple[int, ...]) -> None:
        if self._values is not None and shape != self._values.shape:
            raise ValueError(
                f"a value of shape {shape} cannot be added to a sum of shape {self._values.shape}; give each shape its own Sum"
            )

    def _sum_up(self, array: npt.NDArray[Any], dtype: np.dtype[Any]) -> None:
        held, mine = self._values, self._dtype
        if held is None or mine is None:
            self._values, self._dtype, self._writable = array, dtype, False
            return
        common = mine if mine == dtype else np.result_type(mine, dtype)
        if self._writable and held.dtype == common:
            np.add(held, array, out=held, dtype=common)
        else:
            self._values = np.asarray(np.add(held, array, dtype=common))
            self._writable = True
        self._dtype = common

    def check(self, other: Self) -> None:
        """Raises TypeError or ValueError where ``other`` cannot be merged into this."""
        same_type(self, other)
        if other._values is not None:
            self._check_shape(other._values.shape)

    def merge(self, other: Self) -> Self:
        """Add what ``other`` has summed. Raises as ``check`` does, and has changed nothing then."""
        self.check(other)
        if other._values is not None and other._dtype is not None:
            if self._values is None:
                other._writable = False
            self._sum_up(other._values, other._dtype)
        self._count += other._count
        self._labels = self._labels.or_those_of(other._labels)
        self._account.join(other._account)
        return self

    @property
    def value(self) -> npt.NDArray[Any]:
        """The sum, which later changes do not reach; 0.0 as long as nothing is in."""
        if self._values is None or self._dtype is None:
            return frozen(np.zeros(()))
        self._values = self._values.astype(self._dtype, copy=False)
        self._writable = False
        return frozen(self._values)

    @property
    def coverage(self) -> RangeSet:
        """The events that are in."""
        return self._account.coverage

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._account.version

    def snapshot(self) -> dict[str, Any]:
        """An NXdata group with ``sum``, and ``count``: how many values are in it."""
        return self._account.snapshot(
            lambda: nxdata("sum", self._labels, {"sum": self.value, "count": self._count})
        )

    def wire_state(self) -> dict[str, Any]:
        """What travels."""
        return {
            "values": self._values,
            "count": self._count,
            "coverage": self._account.ranges(),
            "labels": self._labels,
        }

    @classmethod
    def from_wire_state(cls, state: dict[str, Any]) -> Self:
        """What has travelled."""
        made = cls()
        made._values, made._count, made._labels = state["values"], state["count"], state["labels"]
        if made._values is not None:
            made._dtype = sum_dtype(made._values.dtype)
        made._account = Account.of(state["coverage"])
        return made
