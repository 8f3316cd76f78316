"""Earlier runs: the list of them, and the results of one as they were when it ended."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from beamloom.client._processes import Processes
from beamloom.client._result import Group, Results, node_of
from beamloom.client._run import Coverage, RunSummary
from beamloom.errors import NotPublished, PipelineError, RequestRefused


class PastRun:
    """The results of one run that has ended; they do not change any more."""

    def __init__(self, processes: Processes, run: str, *, trust_pickle: bool) -> None:
        self._processes = processes
        self._trust_pickle = trust_pickle
        self.run = run

    @property
    def result(self) -> Group:
        """What the reducer had published in the end, as ``pipeline.result`` is of now. Raises NotPublished where it is held no more."""
        root = node_of(Results(self._processes, trust_pickle=self._trust_pickle, run=self.run), "")
        if not isinstance(root, Group):
            raise PipelineError("the reducer published no tree in this run")
        return root

    @property
    def summary(self) -> RunSummary:
        """What the controller says of it, as ``pipeline.runs[0]`` is of the newest. Raises RequestRefused where it knows no such run."""
        return self._processes.controller.get(self._path, RunSummary)

    @property
    def stopped(self) -> str | None:
        """Why it was ended early; None where it was not. Raises RequestRefused where the controller knows no such run."""
        return self.summary.stopped

    @property
    def _path(self) -> str:
        return f"/api/v1/runs/{urllib.parse.quote(self.run, safe='')}"

    def coverage(self) -> Coverage:
        """Which events the results hold, which not, and why. Raises NotPublished where they are held no more."""
        path = f"{self._path}/coverage"
        try:
            return self._processes.of_reducer(lambda reducer: reducer.get(path, Coverage))
        except RequestRefused as refusal:
            if refusal.status != 404:
                raise
            raise NotPublished(str(refusal), refusal.status) from None

    def __repr__(self) -> str:
        return f"<the results of run {self.run}>"


class Runs(Sequence[RunSummary]):
    """``runs[0]`` is what the controller says of the newest run; ``runs["its id"]`` or ``runs["last"]`` has results of the reducer."""

    def __init__(self, listed: Callable[[], list[RunSummary]], of_run: Callable[[str], PastRun]) -> None:
        self._ask = listed
        self._of_run = of_run
        self._asked: list[RunSummary] | None = None

    @property
    def _listed(self) -> list[RunSummary]:
        if self._asked is None:
            self._asked = self._ask()
        return self._asked

    @overload
    def __getitem__(self, key: str) -> PastRun: ...
    @overload
    def __getitem__(self, key: int) -> RunSummary: ...
    @overload
    def __getitem__(self, key: slice) -> list[RunSummary]: ...
    def __getitem__(self, key: str | int | slice) -> PastRun | RunSummary | list[RunSummary]:
        return self._of_run(key) if isinstance(key, str) else self._listed[key]

    def __iter__(self) -> Iterator[RunSummary]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    def __repr__(self) -> str:
        return repr(self._listed)
