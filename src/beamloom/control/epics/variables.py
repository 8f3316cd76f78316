"""The process variables, and how values become theirs. Nothing here speaks with a pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
from p4p.nt import NTEnum, NTNDArray, NTScalar, NTTable
from p4p.server.thread import SharedPV

from beamloom.client import Feedback
from beamloom.control.panels.look import CLOSE, FAULT, RUNNING, STANDBY
from beamloom.errors import UserError

STATES = (STANDBY, RUNNING, FAULT, CLOSE)
NO_ALARM, MAJOR, INVALID = 0, 2, 3
"""Severities of EPICS."""
FEEDBACK_COLUMNS = (
    ("run", "s"),
    ("number", "l"),
    ("kind", "s"),
    ("payload", "s"),
    ("event", "l"),
    ("by", "s"),
    ("at", "d"),
)
"""Columns of the table of feedback with their types; the payload is JSON, and the event -1 where there is none."""
Put = Callable[[Any], None]
"""Takes what a client has put; raises UserError, LookupError or ValueError with a sentence."""


def read_only(code: str, initial: Any) -> SharedPV:
    """A variable of this type (``s``, ``l``, ``d``, ``ad``) that clients cannot put to."""
    return SharedPV(nt=NTScalar(code, display=True), initial=initial)


def state_variable() -> SharedPV:
    """The state, as an enumeration."""
    return SharedPV(nt=NTEnum(display=True), initial={"index": STATES.index(FAULT), "choices": list(STATES)})


def image_variable() -> SharedPV:
    """An image, as viewers of areaDetector read it."""
    return SharedPV(nt=NTNDArray(), initial=np.zeros((1, 1)))


def feedback_table() -> SharedPV:
    """What the analysis has said last, the latest in the last row."""
    return SharedPV(nt=NTTable(columns=list(FEEDBACK_COLUMNS)), initial=[])


def feedback_row(one: Feedback) -> dict[str, Any]:
    """A piece of feedback as a row of that table."""
    return {
        "run": one.run,
        "number": one.number,
        "kind": one.kind,
        "payload": msgspec.json.encode(one.payload).decode(),
        "event": -1 if one.event is None else one.event,
        "by": one.by,
        "at": one.at,
    }


def command(code: str, initial: Any, put: Put) -> SharedPV:
    """A variable to which clients put what is to be done."""
    return SharedPV(nt=NTScalar(code, display=True), initial=initial, handler=_Putting(put))


def parameter_variable(described: Mapping[str, Any], initial: Any, put: Put) -> SharedPV:
    """A parameter, with its unit, limits and description."""
    code = code_of(described)
    limited = code in ("l", "d")
    kind = NTScalar(code, display=True, control=limited)
    value = kind.wrap(as_put(code, initial))
    display = {
        "display.description": described.get("description") or "",
        "display.units": described.get("unit") or "",
    }
    if limited:
        for key, field in (("min", "limitLow"), ("max", "limitHigh")):
            if described.get(key) is not None:
                display[f"display.{field}"] = display[f"control.{field}"] = described[key]
    for name, one in display.items():
        value[name] = one
    return SharedPV(nt=kind, initial=value, handler=_Putting(put))


def code_of(described: Mapping[str, Any]) -> str:
    """The type code of EPICS for a parameter."""
    match described["dtype"]:
        case "int":
            return "l"
        case "float":
            return "d"
        case "bool":
            return "?"
        case "binary":
            return "aB"
        case "array":
            one_dimension = len(described.get("shape") or [None]) == 1
            return ("al" if "int" in described["element"] else "ad") if one_dimension else "s"
        case "choice" if all(isinstance(choice, int) for choice in described["choices"]):
            return "l"
        case _:
            return "s"


def as_put(code: str, value: Any) -> Any:
    """A value as a variable of this type holds it."""
    match code:
        case "s":
            return str(value.tolist() if isinstance(value, np.ndarray) else value)
        case "aB":
            return np.frombuffer(value, np.uint8)
        case "al":
            return np.asarray(value, np.int64)
        case "ad":
            return np.asarray(value, np.float64)
        case _:
            return value


class _Putting:
    """Answers clients that put."""

    def __init__(self, put: Put) -> None:
        self._put = put

    def put(self, variable: SharedPV, operation: Any) -> None:
        """Take the value, or refuse it with a sentence."""
        value = operation.value()
        try:
            self._put(value.raw.value if hasattr(value, "raw") else value)
        except (UserError, LookupError, ValueError) as error:
            operation.done(error=str(error))
            return
        variable.post(value)
        operation.done()
