"""Figures in the text format of Prometheus, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats).

Written when somebody asks, from what is known anyway: nothing is counted for it. All figures are gauges, since those of a run begin
anew with the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

MEDIA_TYPE = "text/plain"
CONTENT_TYPE = f"{MEDIA_TYPE}; version=0.0.4; charset=utf-8"
NO_NAME = re.compile(r"[^a-zA-Z0-9_]")


class Figure(msgspec.Struct, frozen=True):
    """One value; figures of one name differ in their labels."""

    name: str
    value: float
    labels: dict[str, str] = {}
    says: str = ""
    """What figures of this name are; that of the first one counts."""


def page(figures: Iterable[Figure]) -> str:
    """The figures as text, those of one name together."""
    by_name: dict[str, list[Figure]] = {}
    for figure in figures:
        by_name.setdefault(NO_NAME.sub("_", figure.name), []).append(figure)
    return "".join(line for name, alike in by_name.items() for line in _family(name, alike))


def flattened(name: str, told: Any) -> Iterator[Figure]:
    """Every number in nested mappings, under the names that lead to it; what is no number is left out."""
    if isinstance(told, Mapping):
        for key, value in told.items():
            yield from flattened(f"{name}_{key}", value)
    elif isinstance(told, (bool, int, float)):
        yield Figure(name, float(told))


def _family(name: str, figures: list[Figure]) -> Iterator[str]:
    if figures[0].says:
        yield f"# HELP {name} {_escaped(figures[0].says, quotes=False)}\n"
    yield f"# TYPE {name} gauge\n"
    for figure in figures:
        labels = ",".join(
            f'{NO_NAME.sub("_", key)}="{_escaped(value)}"' for key, value in figure.labels.items()
        )
        yield (
            f"{name}{{{labels}}} {_number(figure.value)}\n" if labels else f"{name} {_number(figure.value)}\n"
        )


def _number(value: float) -> str:
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(number)]
    return str(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)


def _escaped(text: str, *, quotes: bool = True) -> str:
    plain = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", " ")
    return plain.replace('"', '\\"') if quotes else plain
