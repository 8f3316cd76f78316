"""Merging what workers return: one result, or a dictionary of results by name, in groups if need be."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from beamloom.events import Result
from beamloom.results.types.protocol import is_result_type


class NotMergeable(TypeError):
    """A value that is of no result type stands where one should."""


def check_payload(payload: Any, place: str = "result") -> None:
    """Raises NotMergeable unless ``payload`` is a result type, or a dictionary of them."""
    if isinstance(payload, dict):
        for name, value in payload.items():
            check_payload(value, f"{place}[{name!r}]")
    elif not is_result_type(payload):
        raise NotMergeable(
            f"{place} is a {type(payload).__name__}, which does not merge; return result types only, such as Sum or Append, "
            "or leave out 'combine = True'"
        )


def check_merge(into: Any, payload: Any) -> None:
    """Raises TypeError or ValueError where ``payload`` cannot be merged into ``into``."""
    # What a value is not is asked last: the answer of an abstract class takes as long as a check.
    if not is_result_type(payload) and isinstance(into, Mapping) and isinstance(payload, Mapping):
        for name, value in payload.items():
            if name in into:
                check_merge(into[name], value)
            else:
                check_payload(value, f"result[{name!r}]")
    else:
        check_payload(payload)
        if not is_result_type(into):
            raise NotMergeable(
                f"a {type(payload).__name__} cannot be merged into a {type(into).__name__}; publish it under another name"
            )
        if into is payload:
            raise ValueError(
                f"the same {type(payload).__name__} was returned again, and its events would count twice; return a new one for each event"
            )
        into.check(payload)


def merge_into(publish: MutableMapping[Any, Any], payload: Mapping[Any, Any]) -> None:
    """Merge results by name into those that are published; a name that is new is published from now on.

    Raises TypeError or ValueError where one of them does not merge, and has changed nothing then.
    """
    check_merge(publish, payload)
    merge_checked(publish, payload)


def merge_checked(publish: MutableMapping[Any, Any], payload: Mapping[Any, Any]) -> None:
    """The same for what was checked."""
    for name, value in payload.items():
        if name not in publish:
            publish[name] = value
        elif is_result_type(value):
            publish[name].merge(value)
        else:
            merge_checked(publish[name], value)


class MergingReducer:
    """A reducer that publishes the result types that its workers return, merged, under the names that they give them."""

    def __init__(self) -> None:
        self.publish: dict[Any, Any] = {}

    def process_result(self, result: Result) -> None:
        """Take a partial: of one event, or of many where the worker class combines."""
        merge_into(self.publish, result.payload)
