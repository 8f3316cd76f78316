"""A rule: one batch analysis of one series, and what follows it.

A rule object is what a user writes and holds: it describes a step, and once it is pushed it speaks for that step in the ledger. Its hooks
(``prepare``, ``get_new_tasks``, ``data_complete`` and so on) may be overridden in a class of one's own; they are called in the process that
pushed it. Whoever overrides none of those that say how much data there is has a rule that any process can go on with.
"""

from __future__ import annotations

import getpass
import html
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

from beamloom.rules.api.chaining import Follow, follows
from beamloom.rules.api.options import OPTIONS
from beamloom.rules.api.pushing import push
from beamloom.rules.engine import PushedRule, RuleEngine
from beamloom.rules.errors import NoNewTasks, RuleRefused
from beamloom.rules.sources import describe
from beamloom.rules.spec import StepSpec
from beamloom.rules.tasks.calling import find_task
from beamloom.rules.templates import fill

NOT_OFFERED: Final = ("inputs", "name", "rule_outputs", "spooler")
"""What belongs to one rule of a chain, and not to those that follow."""
FOLLOWING_HOOKS: Final = ("complete", "data_complete", "get_new_tasks", "total_frames")


class Rule:
    """The base of all rules. A class of one's own says at least which ``task`` is called."""

    task: ClassVar[str] = ""
    """``package.module:function``, called as ``function(chunk, parameters)`` for each chunk."""
    gather: ClassVar[str] = ""
    """``package.module:function`` that puts the results of all chunks together, called as ``function(gathered, parameters)``."""
    resolve: ClassVar[str] = ""
    """``package.module:function`` that says, when the rule starts, what its items are."""

    def __init__(self, on_completion: Follow = None, **kwargs: Any) -> None:
        """``on_completion``: a factory, or several, of the rules that follow. Other arguments are options (``OPTIONS``) or context.

        Raises RuleRefused.
        """
        self.options = {name: kwargs.pop(name) for name in OPTIONS if name in kwargs}
        self.context: dict[str, Any] = kwargs
        """What templates can name, here and in the rules that follow."""
        self.successors = follows(on_completion)
        self._pushed: PushedRule | None = None
        self._next = 0

    # What a class of one's own says

    @property
    def name(self) -> str:
        """What people call it."""
        return str(self.options.get("name") or self.context.get("name") or type(self).__name__)

    def parameters(self) -> dict[str, Any]:
        """What its task is called with: values that JSON has."""
        return {}

    def source(self) -> dict[str, Any]:
        """What the frames are read from, as ``beamloom.rules.describe`` returns it; empty where there is nothing to read."""
        return {}

    @property
    def output_files(self) -> dict[str, str]:
        """Key and path of the files that it is going to write; the main one is ``results``."""
        return {}

    def prepare(self) -> dict[str, Any]:
        """Called before it is pushed. It may return ``release_end``: so many frames are there."""
        return {}

    @property
    def total_frames(self) -> int | None:
        """How many frames there are now; None where only the source knows."""
        return None

    @property
    def data_complete(self) -> bool:
        """The series is not going to grow."""
        return True

    @property
    def complete(self) -> bool:
        """All frames that ever will be are released, or are with the next call of ``get_new_tasks``."""
        return self.data_complete

    def get_new_tasks(self) -> tuple[int, int]:
        """Frames to release: the first, and the first that is not. Raises NoNewTasks."""
        there = self.total_frames or 0
        if there <= self._next:
            raise NoNewTasks
        start, self._next = self._next, there
        return start, there

    def on_data_complete(self) -> None:
        """Called once, when the series has ended."""

    # What users call

    def chain(self, on_completion: Any, on: str | float = "success") -> Any:
        """``on_completion``, a factory, follows this rule; it is returned. ``on``: see ``RuleFactory.chain``."""
        self.successors += follows(on_completion, on)
        return on_completion

    def push(self, engine: RuleEngine | None = None) -> Rule:
        """Hand it over, with all that follows it, to ``engine`` or to the current one. Raises RuleRefused; nothing was started then."""
        push([self], engine)
        return self

    @property
    def pushed(self) -> PushedRule:
        """The rule as the ledger has it. Raises RuleRefused before it is pushed."""
        if self._pushed is None:
            raise RuleRefused(f"the rule {self.name!r} is not pushed yet; call push()")
        return self._pushed

    def status(self) -> dict[str, Any]:
        """How far it is: state, frames, errors in groups, outputs, rate (frames a second), eta (seconds)."""
        return self.pushed.status()

    def join(self) -> None:
        """Wait until it has ended, well or not."""
        self.pushed.wait(check=False)

    def wait(
        self, timeout: float | None = None, *, chain: bool = False, check: bool = True
    ) -> dict[str, Any]:
        """Wait until it has ended, with ``chain`` all that follows too; the status then. Raises RuleTimedOut, RuleFailed."""
        return self.pushed.wait(timeout, chain=chain, check=check)

    def cancel(self, *, chain: bool = True) -> None:
        """End it, and with ``chain`` all that follows it."""
        self.pushed.cancel(chain=chain)

    def retry_failed(self) -> int:
        """Work off again what failed; how many chunks."""
        return self.pushed.retry_failed()

    def watch(self) -> Rule:
        """Show its progress, in a notebook or a terminal."""
        from beamloom.rules.api.watching import rule_watcher

        rule_watcher.watch(self)
        return self

    def cleanup(self) -> None:
        """End it where it has not ended; what is done stays."""
        if self._pushed is not None:
            self._pushed.cancel(chain=False)

    def _repr_html_(self) -> str:
        from beamloom.rules.api.watching import row

        shown = html.escape(self.name) if self._pushed is None else row(self.status())
        return f"<table>{shown}</table>"

    # What pushing asks

    def spec(self, folder: Path) -> StepSpec:
        """The step that it is; ``folder`` is where its chunks write if its outputs do not say where. Raises RuleRefused."""
        if not self.task:
            raise RuleRefused(f"{type(self).__name__} names no task; set task = 'package.module:function'")
        options = {name: value for name, value in self.options.items() if name != "name"}
        options["owner"] = options.get("owner") or _user()
        return StepSpec(
            name=self.name,
            kind=type(self).__name__,
            task=self.task,
            gather=self.gather,
            resolve=self.resolve,
            parameters=self.parameters(),
            source=self.source(),
            outputs={key: str(Path(path).absolute()) for key, path in self.output_files.items()},
            work=str(self.work_folder(folder) / uuid.uuid4().hex),
            followed_by="rule" if self.follows_itself() else "source",
            **options,
        )

    def work_folder(self, folder: Path) -> Path:
        """Beside the outputs, so that they are named there without being copied."""
        paths = list(self.output_files.values())
        return Path(paths[0]).absolute().parent / ".beamloom-rules" if paths else folder / "work"

    def follows_itself(self) -> bool:
        """Whether its class says by itself how much data there is."""
        return not self.resolve and any(
            getattr(type(self), hook) is not getattr(Rule, hook) for hook in FOLLOWING_HOOKS
        )

    def offered(self) -> dict[str, Any]:
        """What the rules that follow can name in their templates."""
        return {name: value for name, value in self.context.items() if name not in NOT_OFFERED}


class FunctionRule(Rule):
    """Calls a function for each chunk of a series."""

    def __init__(
        self,
        task: str,
        series: str | Path | int | Mapping[str, Any],
        *,
        gather: str = "",
        parameters: Mapping[str, Any] | None = None,
        outputs: Mapping[str, str | Path] | None = None,
        dataset: str = "",
        stream: str = "",
        **kwargs: Any,
    ) -> None:
        """``task`` and ``gather`` are named ``package.module:function``.

        ``series`` is a path, a number of items, or a description as ``describe`` returns it; ``stream`` is that of a recording of a run.
        Raises RuleRefused for a function that cannot be found.
        """
        super().__init__(**kwargs)

        for name in filter(None, (task, gather)):
            find_task(name)
        self.task = task  # type: ignore[misc]
        self.gather = gather  # type: ignore[misc]
        self._parameters = dict(parameters or {})
        self._source = describe(series, dataset, stream)
        self._outputs = {key: fill(str(path), self.context) for key, path in (outputs or {}).items()}
        self.context.setdefault("name", task.partition(":")[2])

    def parameters(self) -> dict[str, Any]:
        """As given."""
        return self._parameters

    def source(self) -> dict[str, Any]:
        """As given."""
        return self._source

    @property
    def output_files(self) -> dict[str, str]:
        """As given."""
        return self._outputs


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
