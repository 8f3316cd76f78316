"""The parameter sets that a process needs: each event names the epoch whose set it is to be processed with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from beamloom.parameters import Parameter, ParameterSet

EPOCHS_KEPT = 4096


class Epochs:
    """The latest parameter epochs, by number."""

    def __init__(self, descriptions: Iterable[Parameter]) -> None:
        self._descriptions = list(descriptions)
        self._sets: dict[int, ParameterSet] = {}
        self.newest = 0
        """The number of the newest epoch."""
        self.latest = ParameterSet.from_wire({}, self._descriptions)
        """The set of the newest epoch."""

    def restart(self, epoch: int, values: Mapping[str, bytes]) -> None:
        """A run begins with this epoch; earlier ones are forgotten."""
        self._sets.clear()
        self.newest = epoch
        self.begin(epoch, values)

    def begin(self, epoch: int, values: Mapping[str, bytes]) -> None:
        """A new epoch, or an earlier one that is told late."""
        found = self._sets[epoch] = ParameterSet.from_wire(values, self._descriptions)
        if epoch >= self.newest:
            self.newest, self.latest = epoch, found
        while len(self._sets) > EPOCHS_KEPT:
            del self._sets[next(iter(self._sets))]

    def is_ahead(self, epoch: int) -> bool:
        """Whether an epoch is newer than all that have arrived."""
        return epoch > self.newest

    def get(self, epoch: int) -> ParameterSet | None:
        """The set of an epoch; None when it has not arrived yet."""
        return self._sets.get(epoch)

    def known(self, epoch: int) -> ParameterSet:
        """The set of an epoch; the latest one where it has not arrived, or is no longer kept."""
        found = self._sets.get(epoch)
        return self.latest if found is None else found
