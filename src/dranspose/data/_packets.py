"""What the packet objects of existing analyses can do beside holding fields: become JSON, and become a packet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
import numpy as np

from beamloom.devices.fields import Fields


def _json_safe(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


class PacketFields(Fields):
    """Fields with the defaults of their kind of packet."""

    __slots__ = ()

    DEFAULTS: ClassVar[Mapping[str, Any]] = {}
    NOT_IN_JSON: ClassVar[frozenset[str]] = frozenset()
    """Fields that travel in frames of their own."""

    def __init__(self, /, **fields: Any) -> None:
        super().__init__(**{**self.DEFAULTS, **fields})

    def model_dump(self) -> dict[str, Any]:
        """All fields."""
        return dict(self)

    def model_dump_json(self) -> str:
        """The fields of the packet's JSON header."""
        header = {name: value for name, value in self if name not in self.NOT_IN_JSON}
        return msgspec.json.encode(header, enc_hook=_json_safe).decode()
