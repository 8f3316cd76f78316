"""Which worker belongs to which reducer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from beamloom.migrating.classes import Seen
from beamloom.migrating.told import Asked, Remark


class Class(NamedTuple):
    """A class that can be imported."""

    seen: Seen
    folder: str
    reference: str

    @property
    def stem(self) -> str:
        """What its name shares with that of its partner: ``Fluorescence`` of ``FluorescenceWorker``."""
        return re.sub(r"(worker|reducer|map|reduce)", "", self.reference.rpartition(":")[2].lower())

    @property
    def home(self) -> str:
        """The folder of its module."""
        return self.seen.source.name.rpartition("/")[0]


def pairs(
    classes: Sequence[Class], described: Sequence[Asked], worker: str | None, reducer: str | None
) -> tuple[list[tuple[Class, Class]], list[Remark]]:
    """As they are named, as replays are described, by name, or because there is one of each; a remark for each that is alone."""
    workers = [one for one in classes if one.seen.role == "worker" and worker in (None, one.reference)]
    reducers = [one for one in classes if one.seen.role == "reducer" and reducer in (None, one.reference)]
    together = {(one.worker, one.reducer) for one in described}
    found = [(w, r) for w in workers for r in reducers if (w.reference, r.reference) in together]
    for w in workers:
        if any(w is one for one, _ in found):
            continue
        by_name = [r for r in reducers if r.stem == w.stem and r.home == w.home]
        near = [r for r in reducers if r.home == w.home]
        partners = next((some for some in (by_name, near, reducers) if len(some) == 1), [])
        found += [(w, r) for r in partners]
    remarks = []
    for one in (*workers, *reducers):
        if any(one in pair for pair in found) or (one.seen.role == "reducer" and not workers):
            continue
        other = "reducer" if one.seen.role == "worker" else "worker"
        remarks.append(
            Remark(
                level="attention",
                what="classes",
                file=one.seen.source.name,
                line=one.seen.node.lineno,
                sentence=f"nothing says which {other} belongs to {one.reference}: name both, by -w and -r",
            )
        )
    return found, remarks
