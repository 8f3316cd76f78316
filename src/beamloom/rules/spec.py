"""What is written down of a step, and what goes to a worker and comes back: the whole contract, in plain values.

A task is named (``package.module:function``), never sent: nothing is unpickled anywhere, and a step can be taken up by another process.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from beamloom.rules.policy import Condition, Retries

ENDED: frozenset[str] = frozenset({"done", "failed", "skipped", "cancelled"})
GATHER = -1
"""The number of the chunk that puts a step's results together."""


class StepSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a chain as it was pushed; it never changes afterwards."""

    name: str
    kind: str
    """What people call such a rule, for instance ``LocalisationRule``."""
    task: str
    """``module:function``, called with a chunk and the parameters."""
    parameters: dict[str, Any] = {}
    source: dict[str, Any] = {}
    """What the frames are read from, and counted by; empty where there is nothing to read."""
    resolve: str = ""
    """``module:function`` that finds out, when the step starts, what it works on; empty where the source tells."""
    followed_by: Literal["source", "rule"] = "source"
    """Who says how many frames there are: the source, or the rule object in the process that pushed it."""
    chunk: int = 100
    """At most so many frames in a chunk."""
    halo: int = 0
    """So many frames before and after its chunk a task may read."""
    max_wait: float = 0.2
    """Seconds that a frame waits for its chunk to become full."""
    gather: str = ""
    """``module:function`` that puts the results of all chunks together; empty where there is nothing to put together."""
    outputs: dict[str, str] = {}
    """Key and path of the files that the step will have written."""
    work: str = ""
    """The folder for what chunks write; it is removed when all went well."""
    retries: Retries = Retries()
    timeout: float | None = None
    """Seconds that one chunk may take."""
    resources: dict[str, float] = {}
    """What one chunk takes of the machine: cpu, memory (bytes), gpu."""
    near: list[str] = []
    """Hosts at which its frames are; on a cluster its chunks are worked off there where that is possible."""
    elsewhere: bool = True
    """With ``near``: other hosts may help. Without, chunks wait for those hosts."""
    priority: int = 0
    owner: str = ""
    below: list[str] = []
    """Folders in and below which alone the step reads and writes; none: anywhere."""


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of steps that were submitted together, beside the steps."""

    title: str = ""
    by: str = ""
    """Who has submitted it: a person, a run."""
    key: str | None = None
    """What is submitted again under the same key is the same submission, and is there once."""
    written: str = ""
    """The description, as it came."""


class Link(msgspec.Struct, frozen=True):
    """The step ``child`` follows the step ``parent``; both are places in the list of steps that are submitted together."""

    parent: int
    child: int
    condition: Condition = Condition()


class Lease(msgspec.Struct, frozen=True):
    """One attempt at one chunk. What comes back under an older attempt is not taken."""

    step: int
    chunk: int
    attempt: int


class Work(msgspec.Struct, frozen=True, tag="work"):
    """What a worker is to do."""

    lease: Lease
    start: int
    stop: int
    final: int | None
    """The number of frames of the series where that is known."""
    parts: list[Part] = []
    """Of a gathering: what the chunks have left, in order."""
    failed: list[tuple[int, int]] = []
    """Of a gathering: the frames that are not in it."""


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What one chunk has left."""

    start: int
    stop: int
    file: str | None
    value: Any = None


class Setup(msgspec.Struct, frozen=True, tag="setup"):
    """A step, told to a worker before its first chunk."""

    step: int
    spec: StepSpec
    resolved: dict[str, Any]
    """What was found out when the step started: the inputs of each item, for instance."""
    paths: list[str]
    """Where Python looked for modules in the process that pushed it."""
    priority: int = 0
    """Of the step as it is now."""


class Coming(msgspec.Struct, frozen=True, tag="coming"):
    """A step of which the first chunks are awaited, told to workers that may be given some."""

    step: int
    task: str
    parameters: dict[str, Any]
    paths: list[str]


class Staged(msgspec.Struct, frozen=True):
    """A file that is written, and waits for its name."""

    key: str
    staged: str
    requested: str


class Done(msgspec.Struct, frozen=True, tag="done"):
    """A chunk is worked off."""

    lease: Lease
    seconds: float
    value: bytes | None = None
    """As JSON."""
    file: str | None = None
    outputs: list[Staged] = []


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """A task raised, took too long, or ended its worker."""

    lease: Lease
    classes: list[str]
    """The exception's class and its bases, the closest first; or DIED, or TIMED_OUT."""
    message: str
    traceback: str = ""
    seconds: float = 0.0


class Returned(msgspec.Struct, frozen=True, tag="returned"):
    """A chunk that was never begun: no attempt at it counts."""

    lease: Lease


Outcome = Done | Failed | Returned
