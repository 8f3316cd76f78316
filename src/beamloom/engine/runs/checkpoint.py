"""The state of a run as bytes, and back.

What follows from the trigger map (compiled parts, with columns of any length) is not in it, so that it stays small while few events are
under way. It is a pickle that is read with a list of what may be in it: classes of the engine and plain values, nothing that could run.
It is only meant for the version that wrote it.
"""

from __future__ import annotations

import copyreg
import importlib
import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from beamloom.engine.runs.run import Run
from beamloom.triggermap import CompiledPart, TriggerMap

ROOMS = ("beamloom.engine.", "beamloom.triggermap.")
PLAIN = {"builtins": {"set", "frozenset", "range"}, "collections": {"deque"}}


class CheckpointError(ValueError):
    """Bytes that are no state of a run of this version."""


def freeze(run: Run) -> bytes:
    """The state of ``run``."""
    written = io.BytesIO()
    pickler = pickle.Pickler(written, protocol=5)
    pickler.dispatch_table = copyreg.dispatch_table.copy()
    pickler.dispatch_table[TriggerMap] = lambda _: (the_map, ())
    pickler.dispatch_table[CompiledPart] = lambda part: (the_part, (part.name, part.length // part.period))
    pickler.dispatch_table[np.ndarray] = lambda array: (the_array, (array.tobytes(), str(array.dtype)))
    pickler.dump(run)
    return written.getvalue()


def thaw(state: bytes, trigger_map: TriggerMap) -> Run:
    """A run that stands as the one did of which ``state`` is; its map is ``trigger_map``. Raises CheckpointError."""
    try:
        run = _Reader(io.BytesIO(state), trigger_map).load()
    except (
        pickle.UnpicklingError,
        AttributeError,
        EOFError,
        ImportError,
        IndexError,
        TypeError,
        KeyError,
    ) as error:
        raise CheckpointError(f"the state of the run cannot be read: {error}") from error
    if not isinstance(run, Run):
        raise CheckpointError("what was kept is not the state of a run")
    return run


def the_map() -> TriggerMap:
    """Stands in a state for the map of the run."""
    raise pickle.UnpicklingError("a state is to be read together with its map")


def the_part(name: str, copies: int) -> CompiledPart:
    """Stands in a state for a compiled part."""
    raise pickle.UnpicklingError(f"a state is to be read together with its map: part {name!r} {copies} times")


def the_array(values: bytes, dtype: str) -> npt.NDArray[Any]:
    """An array with one dimension."""
    return np.frombuffer(values, dtype).copy()


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, trigger_map: TriggerMap) -> None:
        super().__init__(file)
        self._stand_ins: dict[str, Callable[..., Any]] = {
            "the_map": lambda: trigger_map,
            "the_part": trigger_map.compiled,
            "the_array": the_array,
        }

    def find_class(self, module: str, name: str) -> Any:
        """Only what a state is made of."""
        if module == __name__ and name in self._stand_ins:
            return self._stand_ins[name]
        if name in PLAIN.get(module, ()) or (module.startswith(ROOMS) and "." not in name):
            found = getattr(importlib.import_module(module), name)
            if isinstance(found, type):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} has no place in the state of a run")
