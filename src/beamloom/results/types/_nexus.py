"""Results as NXdata groups: which dataset is the signal, over which axes, in which units (NeXus definition NXdata)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec


class Labels(msgspec.Struct, frozen=True):
    """How a value is written at its axis."""

    units: str = ""
    label: str = ""

    def attributes(self) -> dict[str, str]:
        """``units`` and ``long_name`` where they are known."""
        named = {"units": self.units, "long_name": self.label}
        return {name: text for name, text in named.items() if text}

    def or_those_of(self, other: Labels) -> Labels:
        """These, and where one is missing that of ``other``."""
        return Labels(self.units or other.units, self.label or other.label)


def nxdata(signal: str, labels: Labels, datasets: dict[str, Any], axes: Sequence[str] = ()) -> dict[str, Any]:
    """A group whose default plot is ``signal`` over ``axes``, one for each axis of the signal."""
    about: dict[str, Any] = {"NX_class": "NXdata", "signal": signal}
    if axes:
        about["axes"] = list(axes)
    group: dict[str, Any] = {"_attrs": about, **datasets}
    if attributes := labels.attributes():
        group[f"{signal}_attrs"] = attributes
    return group
