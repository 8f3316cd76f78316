"""What rules have written, as a publish tree: ``rules/NAME/KEY``, to be asked for in the same ways as what the reducer publishes.

A file is in the tree once its step has given it its name, so that readers see whole outputs only. Tables are columns, images are arrays,
JSON is as it is. Of each rule the latest is shown; where a run has started one several times, all of them: NAME, NAME-2, NAME-3. A file is
read when somebody asks, and again when it has changed; what is not asked for is forgotten.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from beamloom.errors import UserError
from beamloom.results.snapshot import Snapshot
from beamloom.results.versions import Versions, newer_versions, versions_of
from beamloom.rules import RuleEngine
from beamloom.rules.ledger import RunView, StepView
from beamloom.rules.places import objection
from beamloom.rules.recipes import Image, Table
from beamloom.rules.recipes.loading import load

MOST_CHAINS: Final = 200
LARGEST: Final = 1 << 28
"""Bytes of a file that is shown; a larger one is there to be fetched."""
MOST_HELD: Final = 64
"""Files that are held in memory."""
LOOK_SECONDS: Final = 0.5
"""Between two looks for what is new, while somebody waits."""
OF_A_RUN: Final = "run "
"""How ``by`` begins where a run has started the rule."""


class Written(NamedTuple):
    """A file as it was when it was looked at."""

    path: str
    changed: int
    size: int


class RuleOutputs:
    """Hands out the tree; may be asked by any thread."""

    def __init__(self, engine: RuleEngine) -> None:
        self._engine = engine
        self._turn = threading.Lock()
        self._held: OrderedDict[Written, Any] = OrderedDict()
        self._changes = -1
        """Those of the ledger when it was last asked for ``_shown``."""
        self._shown: list[tuple[str, RunView, StepView]] = []
        self._groups: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
        """By name: what the group was made of, and the group."""
        self._publish: dict[str, Any] = {"rules": {}}
        self._version = 1
        self._versions: Versions = versions_of(self._publish, 1, time.time())
        self._life = uuid.uuid4().hex

    async def snapshot(self) -> Snapshot:
        """The tree as it is now."""
        return await asyncio.to_thread(self._look)

    async def newer(self, version: int) -> Snapshot:
        """The tree as soon as it has a later version."""
        while True:
            found = await self.snapshot()
            if found.version > version:
                return found
            await asyncio.sleep(LOOK_SECONDS)

    async def status(self) -> dict[str, Any]:
        """Which version there is."""
        found = await self.snapshot()
        return {"version": found.version, "rules": sorted(self._publish["rules"])}

    def _look(self) -> Snapshot:
        with self._turn:
            # All chains are many questions to the ledger, which hands out nothing meanwhile; files are looked at each time.
            changes = self._engine.ledger.changes()
            if changes != self._changes:
                self._shown = list(shown(self._engine.ledger.runs(MOST_CHAINS)))
                self._changes = changes
            groups = {name: self._group(name, chain, step) for name, chain, step in self._shown}
            publish = {"rules": groups}
            now = time.time()
            known = self._publish["rules"]
            if list(known) != list(groups) or any(known[name] is not one for name, one in groups.items()):
                self._version += 1
                self._versions = newer_versions(self._versions, self._publish, publish, self._version, now)
                self._publish = publish
            return Snapshot(
                self._version, None, self._publish, versions=self._versions, life=self._life, at=now
            )

    def _group(self, name: str, chain: RunView, step: StepView) -> dict[str, Any]:
        files = [(output.key, _written(output.actual, step.spec.below)) for output in step.outputs]
        made_of = (step.id, step.state, *files)
        known = self._groups.get(name)
        if known is not None and known[0] == made_of:
            return known[1]
        group: dict[str, Any] = {
            "_attrs": {
                "rule": step.spec.kind,
                "chain": chain.id,
                "by": chain.submission.by,
                "state": step.state,
                "frames": step.frames_done,
                "failed_frames": step.frames_failed,
            }
        }
        for key, file in files:
            called = key if key not in group else f"{key}-{sum(one.startswith(key) for one in group) + 1}"
            if file is not None:
                group |= self._content(called, file)
        self._groups[name] = made_of, group
        return group

    def _content(self, key: str, file: Written) -> dict[str, Any]:
        if file in self._held:
            self._held.move_to_end(file)
        else:
            self._held[file] = _read(file)
            while len(self._held) > MOST_HELD:
                self._held.popitem(last=False)
        value, attributes = self._held[file]
        return {key: value, f"{key}_attrs": attributes}


def shown(chains: list[RunView]) -> Iterator[tuple[str, RunView, StepView]]:
    """Steps that have written something, with their names; ``chains`` are the latest first."""
    latest: dict[str, list[tuple[RunView, StepView]]] = {}
    for chain in chains:
        for step in chain.steps:
            if not step.outputs:
                continue
            same = latest.setdefault(step.spec.name, [])
            by = chain.submission.by
            if not same or (by.startswith(OF_A_RUN) and same[0][0].submission.by == by):
                same.append((chain, step))
    for name in sorted(latest):
        for number, (chain, step) in enumerate(reversed(latest[name]), 1):
            yield name if number == 1 else f"{name}-{number}", chain, step


def _written(path: str, below: Sequence[str]) -> Written | None:
    """None where the file is gone, or a link in its place leads where the rule may not read."""
    if objection(path, below):
        return None
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return Written(path, status.st_mtime_ns, status.st_size)


def _read(file: Written) -> tuple[Any, dict[str, Any]]:
    """What is in a file, and its attributes; where it cannot be shown, why."""
    about: dict[str, Any] = {"file": file.path}
    if file.size > LARGEST:
        return f"{file.size} bytes, which is more than is shown; the file is {file.path}", about
    try:
        if Path(file.path).suffix.lower() == ".json":
            return msgspec.json.decode(Path(file.path).read_bytes()), about
        return _shown(load({"it": file.path})["it"], about)
    except (UserError, OSError, ValueError, KeyError) as error:
        return f"this cannot be shown: {error}", about


def _shown(found: Table | Image, about: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    about |= {name: one for name, one in found.about.items() if isinstance(one, str | int | float | bool)}
    if isinstance(found, Table):
        return dict(found.columns), about
    names = found.pixels.dtype.names
    if names:
        return {name: found.pixels[name] for name in names}, about
    if found.pixel_size:
        about |= {"pixel_size": found.pixel_size, "pixel_size_units": "nm"}
    return found.pixels, about
