"""Another analysis beside the run: ``pipeline.shadow`` starts it, shows its result beside the run's, and promotes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import msgspec
import numpy as np

from beamloom.client._processes import Processes
from beamloom.client._result import Dataset, Group, Results, node_of
from beamloom.client._update import MARGIN, CodeUpdated
from beamloom.errors import NotPublished, PipelineError, RequestRefused

T = TypeVar("T")
SHADOW = "/shadow"
"""Where the controller passes on to the shadow's reducer."""
COVERAGE = "coverage"
"""What the reducer itself puts beside a dataset: which events are in it."""
LARGEST_COMPARED = 1 << 20
"""Elements of an array that is fetched for its mean."""


class ShadowTold(msgspec.Struct, frozen=True, kw_only=True):
    """How the shadow is."""

    name: str
    worker: str
    """Its worker class, as module:Class."""
    reducer: str
    """Its reducer class."""
    sample: float
    """Share of the events that it gets copies of."""
    fault: str | None = None
    """Why it gets none."""
    workers: tuple[str, ...] = ()
    """Those that send it copies."""
    copied: dict[str, Any] = {}
    """Of its run: ``copies``, ``reduced``, ``failed``, ``lost``, ``waiting``, ``first_event``, ``failures``."""

    def __str__(self) -> str:
        """A few lines."""
        lines = [
            f"{self.name}: {self.worker or 'no worker class'} and {self.reducer or 'no reducer class'} over {self.sample:.3g} of the events"
        ]
        if self.fault:
            return f"{lines[0]}\nit gets no copies: {self.fault}"
        told = self.copied
        if not told:
            return f"{lines[0]}\nit waits for a run"
        if told.get("problem"):
            return f"{lines[0]}\nit cannot begin with the run: {told['problem']}"
        lines.append(
            f"{told['copies']} copies: {told['reduced']} reduced, {told['failed']} failed, {told['waiting']} waiting; "
            f"{told['lost']} lost, as it was too slow"
        )
        if (first := told.get("first_event")) is not None and told["copies"]:
            lines.append(f"its first event is {first}")
        lines += [
            f"{one['count']} x {one['error']} in {one['where']}: {one['message']}" for one in told["failures"]
        ]
        return "\n".join(lines)


class Compared(msgspec.Struct, frozen=True):
    """One value of both results."""

    path: str
    run: str
    """What the run has, in a few words; empty where it has none."""
    shadow: str
    """What the shadow has."""


class Shadow:
    """The shadow of a pipeline."""

    def __init__(self, processes: Processes, run: Results) -> None:
        """``run``: the results of the pipeline itself."""
        self._processes = processes
        self._run = run
        self._results = _ShadowResults(processes, trust_pickle=run.trust_pickle)

    @property
    def state(self) -> ShadowTold | None:
        """How it is; None where there is none."""
        told = self._processes.controller.get("/api/v1/shadow", dict[str, Any])["shadow"]
        return None if told is None else msgspec.convert(told, ShadowTold)

    def start(
        self, worker: str = "", reducer: str = "", sample: float = 0.1, patience: float = 60.0
    ) -> ShadowTold:
        """Have these classes (module:Class) work on copies of a sample of the events; by default those of the pipeline, as in their files.

        Another shadow ends. Raises RequestRefused where it cannot be started; the run is the same as before in any case.
        """
        wanted = {"worker": worker, "reducer": reducer, "sample": sample, "patience": patience}
        told = self._post("", wanted, patience)
        answer = self._processes.controller.decoded(told, dict[str, Any])
        return msgspec.convert(answer["shadow"], ShadowTold)

    def stop(self) -> None:
        """Have it end. Raises RequestRefused where there is none."""
        self._post("/stop", {}, 0.0)

    def promote(self, *, worker_only: bool = False, patience: float = 60.0) -> CodeUpdated:
        """Have its worker class take over the run from the next event on that is not given out, and the shadow end.

        With ``worker_only`` also where its reducer class is another one, which is left behind. Raises RequestRefused where it cannot take
        over; everything goes on then.
        """
        told = self._post("/promote", {"worker_only": worker_only, "patience": patience}, patience)
        return self._processes.controller.decoded(told, CodeUpdated)

    def _post(self, path: str, body: dict[str, Any], patience: float) -> Any:
        controller = self._processes.controller
        return controller.ask(
            "POST",
            f"/api/v1/shadow{path}",
            content=msgspec.json.encode(body) if body else b"",
            timeout=max(patience + MARGIN, controller.timeout),
        )

    @property
    def result(self) -> Group:
        """What its reducer publishes, as ``pipeline.result`` is what that of the run does."""
        root = node_of(self._results, "")
        if not isinstance(root, Group):
            raise PipelineError("the shadow's reducer publishes no tree; have it publish a dictionary")
        return root

    def compare(self) -> list[Compared]:
        """Both results side by side: single values, and of arrays their shapes and means."""
        there = dict(_leaves(self._run))
        here = dict(_leaves(self._results))
        return [
            Compared(path, there.get(path, ""), here.get(path, "")) for path in dict.fromkeys([*there, *here])
        ]


class _ShadowResults(Results):
    """Asks the shadow's reducer, by way of the controller."""

    def __init__(self, processes: Processes, *, trust_pickle: bool) -> None:
        super().__init__(processes, trust_pickle=trust_pickle)

    def _asked(self, request: Callable[..., T], *, of_rules: bool) -> T:
        try:
            return request(self.processes.controller, SHADOW)
        except RequestRefused as refusal:
            if refusal.status != 404:
                raise
            raise NotPublished(str(refusal), refusal.status) from None


def _leaves(results: Results) -> Iterator[tuple[str, str]]:
    """Every dataset of a tree with what there is to say of it."""

    def below(name: str, outline: dict[str, Any]) -> Iterator[tuple[str, str]]:
        if "children" in outline:
            for child, told in outline["children"].items():
                if child == COVERAGE:
                    continue
                yield from below(f"{name}/{child}" if name else child, told)
        else:
            yield name, _shown(Dataset(results, name, outline), outline)

    yield from below("", results.outline(""))


def _shown(dataset: Dataset, outline: dict[str, Any]) -> str:
    shape = outline["shape"]
    if shape is None:
        return "nothing"
    if not shape:
        return str(outline.get("value"))
    size = " x ".join(map(str, shape))
    if outline["dtype"] == "text" or not 0 < np.prod(shape) <= LARGEST_COMPARED:
        return size
    values = np.asarray(dataset[...])
    if values.dtype.kind not in "fiub":
        return size
    finite = values[np.isfinite(values)]
    return f"{size}, mean {finite.mean():.6g}" if len(finite) else size
