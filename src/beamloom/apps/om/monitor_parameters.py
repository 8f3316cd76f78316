"""The monitor.yaml as a processing class asks for it: by group and key, with the type that it expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beamloom import UserError
from beamloom.errors import did_you_mean


class MonitorParameterError(UserError, KeyError):
    """A key that the class needs is missing, or has another type."""

    def __str__(self) -> str:
        return str(self.args[0])


class MonitorParameters:
    """What OM gives a processing class as ``monitor_parameters``; also for one's own ``import``."""

    def __init__(self, groups: Mapping[str, Any] | None = None, *, file: str = "monitor.yaml") -> None:
        self._groups = dict(groups or {})
        self._file = file

    def get_parameter(
        self,
        *,
        group: str,
        parameter: str,
        parameter_type: Any = None,
        required: bool = False,
        default: Any = None,
    ) -> Any:
        """The value of ``parameter`` in ``group``; ``default`` where there is none.

        A whole number does for a ``float``. Raises MonitorParameterError where it is ``required`` and missing, or of another type.
        """
        inside = self._groups.get(group)
        if not isinstance(inside, Mapping):
            if required:
                raise MonitorParameterError(
                    f"{self._file} has no group {group!r}{did_you_mean(group, self._groups)}, of which {parameter!r} is needed"
                )
            return default
        value = inside.get(parameter)
        if value is None:
            if required:
                raise MonitorParameterError(
                    f"{self._file} has no {parameter!r} in the group {group!r}{did_you_mean(parameter, inside)}; it is needed"
                )
            return default
        if parameter_type is None:
            return value
        fits = isinstance(value, parameter_type)
        if parameter_type is float and isinstance(value, int):
            fits = not isinstance(value, bool)
        if parameter_type is int and isinstance(value, bool):
            fits = False
        if not fits:
            wanted = getattr(parameter_type, "__name__", parameter_type)
            raise MonitorParameterError(
                f"{self._file}: {parameter!r} in the group {group!r} is {value!r}, but it takes a {wanted}"
            )
        return value

    def get_parameter_group(self, *, group: str) -> dict[str, Any]:
        """All of a group. Raises MonitorParameterError where there is none."""
        inside = self._groups.get(group)
        if not isinstance(inside, Mapping):
            raise MonitorParameterError(
                f"{self._file} has no group {group!r}{did_you_mean(group, self._groups)}; it is needed"
            )
        return dict(inside)
