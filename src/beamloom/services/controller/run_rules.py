"""Starts the rules that runs start: with the run, after its end, and whenever its reducer asks.

Policy: this remembers nothing that matters. Each rule is submitted under a key of its run, its name and, where it was asked for, the
number of that piece of feedback; the service of the rules starts what has one key once. So whatever is unclear after a death is submitted
again: a controller that goes on with a run, or with the memory of one that has ended, looks at all of it.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import msgspec

from beamloom.analysis import START_RULE
from beamloom.control.rules import OwnRules
from beamloom.engine.feedback import Feedback
from beamloom.errors import did_you_mean
from beamloom.rules.templates import HOLE
from beamloom.settings import RunRule

if TYPE_CHECKING:
    from beamloom.services.controller.service import ControllerService

logger = logging.getLogger(__name__)
RECENT: Final = 600.0
"""Seconds since the end of a run after which a new controller does not start its rules any more: the pipeline file may be another one."""


class Submits(Protocol):
    """The service of the rules, as far as it is needed here."""

    def submit(self, rules: OwnRules) -> Future[dict[str, Any]]:
        """Start rules; returns at once."""


class SeenRun(NamedTuple):
    """A run at one moment, as far as rules have to do with it."""

    run: str
    prefix: str
    """Of its recording; empty where nothing is recorded."""
    finished: bool
    asked: Sequence[Feedback]
    """All pieces of feedback of the kind ``start_rule``."""
    shares: Mapping[str, int]
    """Over how many ingesters each stream is split."""


class Asked(msgspec.Struct):
    """What a reducer gives to ``start_rule``."""

    rule: str
    inputs: dict[str, Any] = {}


class RunRules:
    """Called in the controller's thread."""

    def __init__(self, rules: Iterable[RunRule], service: Submits) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._service = service
        self._done: set[str] = set()
        """Keys of the latest run that were submitted by this process."""
        self._run = ""

    def look(self, seen: SeenRun) -> None:
        """Start what is to be started now."""
        if not self._rules:
            self._refuse(seen)
            return
        if seen.run != self._run:
            self._run, self._done = seen.run, set()
        for rule in self._rules.values():
            if rule.when == "start" or (rule.when == "end" and seen.finished):
                self._start(rule, seen, rule.when, {})
        for one in seen.asked:
            try:
                asked = msgspec.json.decode(one.payload, type=Asked)
            except msgspec.DecodeError as error:
                self._say(f"{seen.run}/{one.number}", f"feedback {START_RULE!r} names no rule: {error}")
                continue
            wanted = self._rules.get(asked.rule)
            if wanted is None:
                known = ", ".join(self._rules)
                hint = did_you_mean(asked.rule, list(self._rules)) or f"; it has {known}"
                self._say(
                    f"{seen.run}/{one.number}",
                    f"the analysis asks for the rule {asked.rule!r}, which the pipeline file does not have{hint}",
                )
                continue
            self._start(wanted, seen, str(one.number), asked.inputs)

    def _refuse(self, seen: SeenRun) -> None:
        for one in seen.asked:
            self._say(
                f"{seen.run}/{one.number}",
                "the analysis asks for a rule, and the pipeline file has none; name it there under 'rules' with 'when: asked'",
            )

    def _start(self, rule: RunRule, seen: SeenRun, occasion: str, given: Mapping[str, Any]) -> None:
        key = f"{seen.run}/{rule.name}/{occasion}"
        if key in self._done:
            return
        self._done.add(key)
        folder = str(Path(f"{seen.prefix}-").parent) if seen.prefix else "."
        context = {**given, "run": seen.run, "folder": folder}
        description = description_of(rule, seen, context)
        future = self._service.submit(OwnRules(description, context, f"run {seen.run}", key, anywhere=True))
        future.add_done_callback(lambda done: self._told(rule.name, key, done))

    def _told(self, name: str, key: str, done: Future[dict[str, Any]]) -> None:
        """In the thread that submits."""
        try:
            chain = done.result()
        except CancelledError:
            return
        except Exception as error:
            logger.error("the rule %r of %s is not started: %s", name, key, error)
        else:
            logger.info("the rule %r of %s is started as chain %s", name, key, chain.get("id"))

    def _say(self, key: str, sentence: str) -> None:
        if key not in self._done:
            self._done.add(key)
            logger.error("%s", sentence)


def start_rules(controller: ControllerService, service: Submits) -> None:
    """From now on start the rules of the controller's runs."""
    rules = RunRules(controller.settings.run_rules, service)
    active = controller.active
    old = active is not None and active.finished_at is not None and time.time() - active.finished_at > RECENT
    passed_over = active.run.run_id if active is not None and old else None

    def look() -> None:
        seen = seen_run(controller)
        if seen is not None and seen.run != passed_over:
            rules.look(seen)

    controller.listeners.append(look)
    look()


def seen_run(controller: ControllerService) -> SeenRun | None:
    """The controller's run as it is now."""
    active, papers = controller.active, controller.run_papers
    if active is None:
        return None
    known = papers is not None and papers.run == active.run.run_id
    prefix = papers.record_prefix if papers is not None and known else controller.epochs.record_prefix
    shares = Counter(stream for member in controller.ensemble.ingesters for stream in member.register.streams)
    streams = active.run.trigger_map.streams
    return SeenRun(
        active.run.run_id,
        os.path.abspath(prefix) + "/" * prefix.endswith("/") if prefix else "",
        active.finished,
        active.feedback.of(START_RULE),
        {stream: shares[stream] for stream in streams},
    )


def description_of(rule: RunRule, seen: SeenRun, context: Mapping[str, Any]) -> dict[str, Any]:
    """What the service of the rules is told: the rule with the run's recording for its series or inputs, and what follows it.

    ``context`` are the names that its templates can have.
    """
    return {"title": rule.name, **_step(msgspec.to_builtins(rule), seen, context)}


def _step(written: Mapping[str, Any], seen: SeenRun, context: Mapping[str, Any]) -> dict[str, Any]:
    """A step of a description; one with a ``recipe`` is a RecipeRule."""
    kept = ("name", "owner", "priority", "arguments", "outputs", "condition")
    step = {key: written[key] for key in kept if written.get(key)}
    if "outputs" in step:
        step["outputs"] = {key: _inside(path, context) for key, path in step["outputs"].items()}
    if written.get("recipe"):
        step["rule"] = "RecipeRule"
        step["arguments"] = {"recipeURI": written["recipe"], **written.get("arguments", {})}
        step["inputs"] = {key: _input(given, seen) for key, given in written.get("inputs", {}).items()}
    else:
        step["rule"] = written.get("rule")
    if stream := written.get("stream"):
        step["inputs"] = {
            "series": {
                "kind": "recording",
                "path": seen.prefix,
                "run": seen.run,
                "stream": stream,
                "field": written.get("field", "array"),
                "shares": seen.shares.get(stream, 0),
            }
        }
    elif "inputs" in written and "inputs" not in step:
        step["inputs"] = written["inputs"]
    following = written.get("on_completion") or ()
    nested = [following] if isinstance(following, Mapping) else following
    if nested:
        step["on_completion"] = [_step(one, seen, context) for one in nested]
    return {key: value for key, value in step.items() if value not in ({}, None)}


def _inside(path: str, context: Mapping[str, Any]) -> str:
    """What is not said otherwise is in the folder of the recording."""
    hole = HOLE.match(path)
    begins = path if hole is None else str(context.get(hole[1] or hole[2], ""))
    return path if begins.startswith(("/", "~")) else f"{{{{folder}}}}/{path}"


def _input(given: Any, seen: SeenRun) -> Any:
    """A stream of the run as a recipe names it; anything else as it is."""
    if isinstance(given, str) and given in seen.shares:
        return f"{seen.prefix}{given}-{seen.run}.cbors#{given}"
    return given
