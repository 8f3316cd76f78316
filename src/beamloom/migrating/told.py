"""What a migration tells: remarks with their places, replays, and the changes that were tried."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["works", "note", "deprecated", "attention", "problem"]


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was seen."""

    level: Level
    """A problem is what does not work; what needs attention works, and should be looked at; what is deprecated works and has a shorter
    form; a note is worth knowing."""
    what: str
    """One word or two: imports, replay, print ..."""
    sentence: str
    """What it is, and what to do."""
    file: str = ""
    """Relative to the repository; empty where it is about no file."""
    line: int = 0

    @property
    def place(self) -> str:
        """``file:line``, or what there is of it."""
        return f"{self.file}:{self.line}" if self.line else self.file


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A replay that is to be tried; all paths are relative to the repository."""

    worker: str
    reducer: str
    folder: str = "."
    """Where the classes are imported from."""
    files: tuple[str, ...] = ()
    source: str | None = None
    parameters: str | None = None
    expected: str | None = None
    """A file of published results that lies beside."""
    told_by: str = ""
    """The place that describes this replay; empty where it was concluded."""


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a replay."""

    asked: Asked
    events: int = 0
    reduced: int = 0
    failed: int = 0
    lost: int = 0
    seconds: float = 0.0
    failures: tuple[str, ...] = ()
    """A sentence for each kind of failure, and for whatever kept the replay from running."""
    remarks: tuple[str, ...] = ()
    published: tuple[str, ...] = ()
    """The places of what was published."""
    restless: tuple[str, ...] = ()
    """Places that differ between two replays that are alike: times, random numbers. They are not compared."""
    differences: tuple[str, ...] | None = None
    """From the file of published results; None where there is none, or it holds nothing of this."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A shorter form of some lines of a file."""

    file: str
    line: int
    kind: Literal["imports", "arguments", "result types"]
    sentence: str


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found out about a repository."""

    path: str
    workers: tuple[str, ...] = ()
    reducers: tuple[str, ...] = ()
    replays: tuple[Replayed, ...] = ()
    remarks: tuple[Remark, ...] = ()
    changes: tuple[Change, ...] = ()
    """Those that are in the patch: both forms gave the same."""
    dropped: tuple[Change, ...] = ()
    """Those that are not: they could not be shown to give the same."""
    pipeline: str = ""
    """A pipeline file, made of what the deployment says; empty where nothing says anything."""
    patch: str = ""
    """A unified diff, for ``git apply``."""
    files: dict[str, str] = {}
    """The files that the patch changes or makes, as they are then."""

    @property
    def problems(self) -> tuple[Remark, ...]:
        """What does not work."""
        return tuple(one for one in self.remarks if one.level == "problem")

    def to_json(self) -> bytes:
        """All of it as JSON."""
        told = msgspec.to_builtins(self)
        del told["files"]
        return msgspec.json.format(msgspec.json.encode({"works": not self.problems, **told}), indent=2)
