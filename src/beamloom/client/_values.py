"""What the reducer sends as Python values: arrays as numpy arrays, structures as dictionaries and lists."""

from __future__ import annotations

import io
import pickle
from typing import Any

import httpx
import msgspec
import numpy as np

from beamloom.errors import PipelineError

NPY = "application/x-npy"
PICKLE = "application/x.pickle"
ACCEPTED = f"{NPY}, application/json;q=0.5"
"""Arrays as they are, everything else as JSON."""
ACCEPTED_OF_THE_TRUSTED = f"{NPY}, {PICKLE};q=0.5"


def accepted(*, trust_pickle: bool) -> str:
    """The header ``Accept`` with which results are asked for."""
    return ACCEPTED_OF_THE_TRUSTED if trust_pickle else ACCEPTED


def matches_of(answer: httpx.Response, *, trust_pickle: bool) -> list[Any]:
    """All that a path selected. A pickle is only ever read where that was asked for: reading one runs what is in it."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind == NPY:
        array = np.load(io.BytesIO(answer.content), allow_pickle=False)
        return [array if array.shape else array[()]]
    if kind == "application/json":
        found = msgspec.json.decode(answer.content)
        return [with_arrays(one) for one in found] if isinstance(found, list) else [found]
    if kind == PICKLE and trust_pickle:
        unpickled: list[Any] = pickle.loads(answer.content)
        return unpickled
    raise PipelineError(
        f"the reducer sent results as {kind or 'nothing known'}, which was not asked for; "
        "use the same version of Beamloom on both sides"
    )


def with_arrays(value: Any) -> Any:
    """JSON with its lists of numbers as arrays; null among numbers is NaN, as the reducer wrote it."""
    if isinstance(value, dict):
        return {name: with_arrays(one) for name, one in value.items()}
    if not isinstance(value, list):
        return value
    array = _numbers(value)
    return [with_arrays(one) for one in value] if array is None else array


def _numbers(values: list[Any]) -> np.ndarray[Any, Any] | None:
    if not values:
        return np.empty(0)
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):
        return None
    if array.dtype.kind == "O" and all(one is None or type(one) in (int, float) for one in array.flat):
        return array.astype(np.float64)
    return array if array.dtype.kind in "biuf" else None
