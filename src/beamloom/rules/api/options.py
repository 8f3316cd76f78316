"""Arguments of every rule that say how it is worked off, whatever kind it is."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from beamloom.rules.policy import Retries

_SMALL: Final = 1 << 31

Whole = Annotated[int, Meta(ge=-_SMALL, le=_SMALL)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """They are checked where they come from a description: a ledger keeps them for good."""

    name: str | None = None
    owner: str = ""
    priority: Whole = 0
    resources: dict[str, Annotated[float, Meta(ge=0)]] = {}
    near: Annotated[list[str], Meta(max_length=100)] = []
    elsewhere: bool = True
    timeout: Annotated[float, Meta(gt=0, le=1e9)] | None = None
    retries: Retries = Retries()
    chunk: Annotated[int, Meta(ge=1, le=_SMALL)] = 100
    halo: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    max_wait: Seconds = 0.2


OPTIONS: Final = frozenset(Options.__struct_fields__)
"""Their names; a ``Rule`` takes them beside those of its context."""
