"""What was found out about an analysis."""

from __future__ import annotations

from typing import Literal

import msgspec

from beamloom.benching.plain_loop import PlainLoop

Kind = Literal["problem", "note"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was found."""

    kind: Kind
    """A problem changes results, loses them or stops the run; a note is worth knowing."""
    what: str
    """One word or two: order, workers, threads, wire, parameters ..."""
    sentence: str
    """What it is, where, and what to do."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found."""

    events: int
    worker: str
    reducer: str
    tried: list[str]
    """What was tried, as sentences."""
    found: list[Finding]
    plain: PlainLoop | None = None
    """The time that each hook takes."""

    @property
    def problems(self) -> list[Finding]:
        """Those that are not notes."""
        return [one for one in self.found if one.kind == "problem"]

    def to_json(self) -> bytes:
        """All of it as JSON."""
        more = {"clean": not self.problems}
        return msgspec.json.format(msgspec.json.encode({**more, **msgspec.to_builtins(self)}), indent=2)
