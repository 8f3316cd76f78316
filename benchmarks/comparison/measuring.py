"""How the systems are measured side by side: in turn, round after round, each in a fresh set of processes, and the medians of it.

A machine changes while it is measured, so that no system gets all of its good or bad minutes: A B C, A B C, A B C.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from subprocess import SubprocessError
from typing import Any, Literal, Protocol

from bench_pipeline import BenchPipeline
from sources import cpu_of

from beamloom.errors import UserError
from comparison.dranspose_pipeline import DransposePipeline
from comparison.others import Others
from comparison.plain_pipeline import PlainPipeline
from comparison.table import BEAMLOOM, DRANSPOSE, PYZMQ, Row

Scale = Literal["full", "quick", "tiny"]
FRAME_BYTES = 1024
FAILURES_ALLOWED = 2
"""So often a system may fail to be measured before it is left alone."""
FAILURES = (OSError, RuntimeError, ValueError, LookupError, SubprocessError, UserError)
"""What a system that does not work may raise; the others are measured all the same."""


class System(Protocol):
    """What is measured: a pipeline that runs series of its detectors."""

    def run(
        self, events: int, batch: int = 1, frame_bytes: int | None = None, rate: float = 0.0
    ) -> tuple[float, dict[str, Any]]:
        """Arm, send, wait for the end; returns the seconds from the first packet to the last event settled, and the progress."""

    def found(self) -> dict[str, Any]:
        """What the reducer wrote down."""

    @property
    def pids(self) -> dict[str, int]:
        """All its processes."""


Setup = Callable[[], AbstractContextManager[Any]]
Figures = dict[str, dict[str, float]]
"""By system and name of the figure."""


@dataclass
class Bench:
    """What a row needs to know."""

    scale: Scale = "full"
    others: Others | None = None
    why_not: str = "it was not asked for"
    """Where there are no others."""
    deadline: float = field(default_factory=lambda: time.monotonic() + 900)
    """When all rows are to be measured (``monotonic``)."""
    reserved: float = 0.0
    """Seconds that are left to the rows which come later."""

    def size(self, full: int, quick: int, tiny: int) -> int:
        """How much, for this form of the benchmark."""
        return {"full": full, "quick": quick, "tiny": tiny}[self.scale]

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def rounds(self, full: int) -> Iterator[int]:
        """Rounds, of which there is at least one; another one is not begun when it would take the time of the rows that come later."""
        for number in range(self.size(full, 1, 1)):
            begun = time.monotonic()
            yield number
            if 1.2 * (time.monotonic() - begun) > self.left - self.reserved:
                return

    def setups(self, streams: int, worker: str, batch: int = 1, **settings: Any) -> dict[str, Setup]:
        """The three systems, with the same detectors and the same analysis."""
        analysis = f"comparison_analysis:{worker}"
        setups: dict[str, Setup] = {BEAMLOOM: lambda: BenchPipeline(streams, analysis=analysis, **settings)}
        if (others := self.others) is not None:
            setups[DRANSPOSE] = lambda: DransposePipeline(others, streams, analysis)
        block = {"block": batch} if batch > 1 else {}
        setups[PYZMQ] = lambda: PlainPipeline(streams, analysis, **block)
        return setups

    def compare(
        self,
        setups: Mapping[str, Setup],
        measure: Callable[[str, Any], dict[str, float]],
        rounds: int,
    ) -> Compared:
        """Measure each in turn, ``rounds`` times; what cannot be measured says why, and the others go on."""
        values: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in setups}
        missing = {} if self.others is not None else {DRANSPOSE: self.why_not}
        failures: Counter[str] = Counter()
        for _ in self.rounds(rounds):
            for name, setup in setups.items():
                if failures[name] == FAILURES_ALLOWED:
                    continue
                try:
                    with setup() as system:
                        for figure, value in measure(name, system).items():
                            values[name][figure].append(value)
                except FAILURES as error:
                    failures[name] += 1
                    missing[name] = f"{type(error).__name__}: {error}"
                    print(f"  {name} could not be measured: {missing[name]}", file=sys.stderr, flush=True)
        return Compared({name: dict(figures) for name, figures in values.items()}, missing)


@dataclass
class Compared:
    """What came of it."""

    values: dict[str, dict[str, list[float]]]
    """By system and name of the figure, one for each round."""
    missing: dict[str, str]

    def median(self, system: str, figure: str) -> float | None:
        """The figure of a system; None where it was never measured."""
        values = self.values.get(system, {}).get(figure)
        return statistics.median(values) if values else None

    def row(self, name: str, title: str, unit: str, figure: str, **more: Any) -> Row:
        """The row of one figure, of all systems that have it."""
        row = Row(name, title, unit, missing=dict(self.missing), **more)
        for system, values in self.values.items():
            if (median := self.median(system, figure)) is not None:
                row.figures[system] = median
                row.missing.pop(system, None)
                row.detail[system] = {"rounds": values[figure]}
                if (cpu := self.median(system, f"{figure}_cpu_us")) is not None:
                    row.detail[system]["cpu_us"] = cpu
        return row


def run_checked(system: System, events: int, **how: Any) -> tuple[float, dict[str, float]]:
    """Run; returns the seconds, and the CPU time of each process in us per event. Raises RuntimeError where results are missing."""
    before = cpu_of(system.pids)
    seconds, _ = system.run(events, **how)
    results = system.found()["results"]
    if results < events:
        raise RuntimeError(f"{results} results of {events} events reached the reducer")
    after = cpu_of(system.pids)
    return seconds, {name: 1e6 * (used - before.get(name, 0.0)) / events for name, used in after.items()}


def rate(system: System, events: int, figure: str, factor: float = 1.0, **how: Any) -> dict[str, float]:
    """Events per second (times ``factor``), and CPU time per event of all processes together."""
    seconds, cpu = run_checked(system, events, **how)
    return {figure: factor * events / seconds, f"{figure}_cpu_us": sum(cpu.values())}
