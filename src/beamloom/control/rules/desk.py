"""What can be asked of the rules, and done with them: an engine, and what descriptions may name and touch.

Any thread may call; calls may wait for the disk, and never for a rule.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from beamloom.control.rules.answers import (
    OwnRules,
    RuleChain,
    RuleChains,
    RuleChunk,
    RuleChunks,
    RuleKind,
    RuleService,
)
from beamloom.control.rules.outputs import RuleOutputs
from beamloom.control.rules.rates import Rates
from beamloom.control.rules.recent_errors import RecentErrors
from beamloom.control.rules.views import chain_of, sketch_of, title_of
from beamloom.errors import UserError
from beamloom.rules import PushedRule, RuleEngine, RuleRefused
from beamloom.rules.ledger import ChunkState, RunView
from beamloom.rules.places import objection
from beamloom.rules.spec import ENDED, Submission
from beamloom.rules.written import Description, RuleTypes, Written, as_description, build, read_description

MOST_LISTED: Final = 200
MOST_CHUNKS: Final = 1000
NOWHERE: Final = (
    "this service may read and write nowhere; name the folders of the data as rules_below in the settings "
    "(of the controller, or of 'beamloom rules serve')"
)


class NoSuchRule(UserError):
    """A chain, a step or a file that is not there."""


class RulesDesk:
    """See the module."""

    def __init__(self, engine: RuleEngine, types: RuleTypes, below: Sequence[str]) -> None:
        """``below``: the folders in and below which rules that come over HTTP read and write."""
        self.outputs = RuleOutputs(engine)
        """What rules have written, as a tree."""
        self._engine = engine
        self._types = types
        self._below = [os.path.abspath(os.path.expanduser(folder)) for folder in below]
        self._rates = Rates()
        self._errors = RecentErrors(engine.errors)
        self._turn = threading.Lock()
        """Rules are made one at a time: their modules are imported by that."""

    # What is asked

    def service(self) -> RuleService:
        """What it takes."""
        kinds = [RuleKind(one.name, one.says, one.arguments) for one in self._types.lines()]
        return RuleService(kinds, self._below)

    def chains(self, most: int, before: int | None, active: bool | None) -> RuleChains:
        """The latest chains first; ``active``: those that go on, or those that do not."""
        most = max(1, min(most, MOST_LISTED))
        found = self._engine.ledger.runs(most + 1, before, active=active)
        return RuleChains(
            [self._chain(view) for view in found[:most]], len(found) > most, self._engine.trouble
        )

    def chain(self, number: int) -> RuleChain:
        """One chain. Raises NoSuchRule."""
        return self._chain(self._view(number))

    def chunks(self, chain: int, step: int, first: int, most: int, state: ChunkState | None) -> RuleChunks:
        """Chunks of a step from the number ``first`` on. Raises NoSuchRule."""
        self._step(chain, step)
        most = max(1, min(most, MOST_CHUNKS))
        found = self._engine.ledger.chunks(step, most + 1, first, state)
        shown = [
            RuleChunk(one.number, one.start, one.stop, one.state, one.attempts, one.seconds, one.error)
            for one in found[:most]
        ]
        return RuleChunks(shown, found[most].number if len(found) > most else None)

    def output(self, chain: int, step: int, number: int) -> Path:
        """A file that a step has written. Raises NoSuchRule."""
        view = self._step(chain, step).view()
        if number >= len(view.outputs):
            raise NoSuchRule(
                f"the rule {view.spec.name!r} has {len(view.outputs)} files, and no number {number}"
            )
        path = Path(view.outputs[number].actual)
        # A link that was put in its place since may lead elsewhere.
        if refused := objection(path, view.spec.below):
            raise NoSuchRule(refused)
        if not path.is_file():
            raise NoSuchRule(f"{path} is not there any more; somebody has moved or removed it")
        return path

    # What is done

    def check(self, body: bytes, *, as_yaml: bool, by: str) -> RuleChain:
        """The chain that a description would be, without starting anything. Raises RuleRefused."""
        description = read_description(body, as_yaml=as_yaml)
        written = self._build(description, by, anywhere=False)
        return sketch_of(description.title, written, by)

    def submit(self, body: bytes, *, as_yaml: bool, by: str, key: str | None) -> RuleChain:
        """Start what a description says. Raises RuleRefused."""
        description = read_description(body, as_yaml=as_yaml)
        return self._submit(description, body.decode(errors="replace"), by, key, anywhere=False)

    def submit_own(self, rules: OwnRules) -> RuleChain:
        """The same for rules of the controller. Raises RuleRefused."""
        context = {**rules.written.get("context", {}), **rules.inputs}
        description = as_description({**rules.written, "context": context})
        return self._submit(description, "", rules.by, rules.key, anywhere=rules.anywhere)

    def cancel(self, chain: int, step: int | None, by: str) -> int:
        """End a chain, or one step with what follows it; how many steps that were. Raises NoSuchRule."""
        view = self._view(chain)
        wanted = {one.id for one in view.steps} if step is None else _behind(view, _of(view, step))
        going = [one.id for one in view.steps if one.id in wanted and one.state not in ENDED]
        # What follows first: or else it would be skipped, for its parent was cancelled.
        for one in reversed(going):
            self._engine.cancel(one, f"cancelled by {by or 'its user'}")
        return len(going)

    def retry(self, chain: int, step: int | None) -> int:
        """Work off again what failed; how many chunks. Raises NoSuchRule."""
        view = self._view(chain)
        wanted = [one.id for one in view.steps] if step is None else [_of(view, step)]
        return sum(self._engine.rule(one).retry_failed() for one in wanted)

    def prioritise(self, chain: int, step: int | None, priority: int) -> int:
        """Higher comes first; how many steps it concerns. Raises NoSuchRule."""
        view = self._view(chain)
        only = None if step is None else _of(view, step)
        wanted = [one for one in view.steps if one.state not in ENDED and only in (None, one.id)]
        for one in wanted:
            self._engine.prioritise(one.id, priority)
        return len(wanted)

    def busy(self) -> bool:
        """Whether anything goes on."""
        return bool(self._engine.ledger.runs(1, active=True))

    def _submit(
        self, description: Description, text: str, by: str, key: str | None, *, anywhere: bool
    ) -> RuleChain:
        before = [] if key is None else self._engine.ledger.submitted(key)
        if before:
            return self.chain(self._engine.view(before[0]).run)
        written = self._build(description, by, anywhere=anywhere)
        title = description.title or title_of(written.specs)
        submission = Submission(title=title[:200], by=by, key=key, written=text)
        paths = [path for path in sys.path if path]
        pushed = self._engine.submit(written.specs, written.links, paths, written.rules, submission)
        return self.chain(pushed[0].view().run)

    def _build(self, description: Description, by: str, *, anywhere: bool) -> Written:
        if not anywhere and not self._below:
            raise RuleRefused(NOWHERE)
        below = [] if anywhere else self._below
        with self._turn:
            return build(description, self._types, self._engine.folder, below=below, owner=by)

    def _view(self, number: int) -> RunView:
        try:
            return self._engine.ledger.run(number)
        except KeyError:
            raise NoSuchRule(f"there is no chain of rules {number}; /api/v1/rules lists them") from None

    def _step(self, chain: int, step: int) -> PushedRule:
        return self._engine.rule(_of(self._view(chain), step))

    def _chain(self, view: RunView) -> RuleChain:
        return chain_of(view, self._errors.of, self._rates, time.time())


def _of(view: RunView, step: int) -> int:
    """The number of a step, which has to be one of the chain. Raises NoSuchRule."""
    if step not in {one.id for one in view.steps}:
        raise NoSuchRule(f"the chain {view.id} has no step {step}; /api/v1/rules/{view.id} lists its steps")
    return step


def _behind(view: RunView, step: int) -> set[int]:
    """A step and all that follow it."""
    found, todo = {step}, [step]
    while todo:
        parent = todo.pop()
        new = {link.child for link in view.links if link.parent == parent} - found
        found |= new
        todo += new
    return found
