"""What the service of the rules answers and takes, as types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from beamloom.rules.told import StepErrors, StepFrames, StepOutput

ChainState = Literal["running", "done", "failed", "cancelled"]


class StepChunks(msgspec.Struct):
    """How many chunks a step has."""

    released: int
    ready: int
    leased: int


class RuleStep(msgspec.Struct):
    """One rule of a chain."""

    id: int
    name: str
    kind: str
    owner: str
    priority: int
    state: Literal["waiting", "running", "gathering", "done", "failed", "skipped", "cancelled"]
    reason: str
    """Why it ended as it did, where that needs words."""
    trouble: str
    """What holds it up now."""
    frames: StepFrames
    chunks: StepChunks
    rate: float | None
    """Frames per second, lately; None where that is not known."""
    eta: float | None
    """Seconds to go; None where that is not known."""
    started: float | None
    ended: float | None
    elapsed: float
    errors: list[StepErrors]
    outputs: list[StepOutput]
    after: list[int]
    """The steps that it follows."""


class RuleLink(msgspec.Struct):
    """The step ``child`` follows the step ``parent``."""

    parent: int
    child: int
    on: str
    """``success``, ``finish``, or at most how much may have failed (``at most 5 % failed``)."""


class RuleChain(msgspec.Struct):
    """Rules that were submitted together."""

    id: int
    title: str
    by: str
    created: float
    state: ChainState
    steps: list[RuleStep]
    links: list[RuleLink]


class RuleChains(msgspec.Struct):
    """Chains, the latest first, and how the service is."""

    chains: list[RuleChain]
    more: bool
    """There are earlier ones; ask with ``before``."""
    trouble: str = ""
    """What is wrong with the service itself."""


class RuleChunk(msgspec.Struct):
    """One chunk of a step; the one that puts the results together has the number -1."""

    number: int
    start: int
    stop: int
    state: Literal["ready", "leased", "done", "failed"]
    attempts: int
    seconds: float | None
    error: str | None


class RuleChunks(msgspec.Struct):
    """Some chunks of a step, in order."""

    chunks: list[RuleChunk]
    next: int | None
    """The number to go on from; None: these were the last."""


class RuleKind(msgspec.Struct):
    """A kind of rule that descriptions can name."""

    name: str
    says: str
    arguments: list[str]


class RuleService(msgspec.Struct):
    """What the service takes, and where it reads and writes."""

    kinds: list[RuleKind]
    below: list[str]
    """The folders in and below which rules read and write."""


class RuleSteps(msgspec.Struct):
    """How many steps or chunks something concerned."""

    count: int


class NewPriority(msgspec.Struct, forbid_unknown_fields=True):
    """Higher comes first; usual is 0."""

    priority: Annotated[int, msgspec.Meta(ge=-1_000_000, le=1_000_000)]


class WrittenRules(msgspec.Struct):
    """Rules as they are written: ``chain``, or one ``rule`` with what follows it as ``on_completion``."""

    title: str = ""
    context: dict[str, Any] = {}
    chain: list[dict[str, Any]] = []
    rule: str = ""
    arguments: dict[str, Any] = {}
    inputs: dict[str, Any] = {}
    outputs: dict[str, str] = {}
    on_completion: dict[str, Any] | list[dict[str, Any]] = []


class OwnRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rules that the controller itself submits."""

    written: dict[str, Any]
    """The mapping that a description of rules is (``beamloom.rules.written``)."""
    inputs: dict[str, Any] = {}
    """Further names for its templates."""
    by: str = ""
    """On whose behalf."""
    key: str | None = None
    """What is submitted again under the same key is there once, also after restarts of everything."""
    anywhere: bool = False
    """Its paths may lead anywhere: for descriptions that come from the settings, not from the network."""
