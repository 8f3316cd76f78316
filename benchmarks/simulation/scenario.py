"""One simulated run: what takes part, what goes wrong, and what came of it."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from beamloom.engine.runs.parts import RunPhase
from beamloom.services.controller.active_run import ActiveRun
from beamloom.settings import ControllerSettings
from beamloom.transport.messages import CONTROLLER, Heartbeat, Register
from beamloom.triggermap import batched
from simulation.analysis_side import REDUCER, Reducer, Worker
from simulation.controller import Controller
from simulation.costs import Costs
from simulation.detector_side import Ingester
from simulation.world import Host, Letter, Process, World

FIGURES = {f"figure_of_a_process_{number}": float(number) for number in range(30)}
"""As many as a sign of life has."""
ARMED_BY = 0.5
"""Simulated seconds in which all have come and the run is armed."""
PATIENCE = 10.0
"""Simulated seconds for what is left after the last packet."""
JITTER = 0.3
"""Standard deviation of the logarithm of what the analysis takes."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What is simulated."""

    streams: int = 64
    ingesters: int = 64
    workers: int = 1000
    workers_per_host: int = 32
    ingesters_per_host: int = 8
    rate: float = 100_000.0
    """Events per second."""
    seconds: float = 2.0
    batch: int = 100
    """Consecutive events that the trigger map gives to the same worker."""
    packet_bytes: int = 1000
    line: float = 100e9
    """Bits per second of each host's line."""
    analysis: float | None = None
    """Seconds that the analysis takes for an event; None: so many that workers are busy half of the time."""
    reduce: float = 0.5e-6
    """Seconds that the reducer's analysis takes for a result."""
    slow: float = 0.0
    """Part of the workers that are three times as slow as the others."""
    dies_at: float | None = None
    """Seconds after the first packet when a host of workers dies."""
    back_after: float = 1.0
    """Seconds until it is there again."""
    heartbeat: float = 0.4
    """Seconds between two signs of life; five times as much without one counts as death."""
    seed: int = 1


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. Lags are seconds from the last packet of an event to its result."""

    events: int
    seconds: float
    """For which packets came."""
    reduced: int
    failed: int
    lost: int
    redelivered: int
    span: float
    """Simulated seconds from the first packet to the last result."""
    lag: dict[str, float]
    busy: dict[str, float]
    """By role, the part of the time in which its busiest process had work, in the second half of the packets; of workers, the mean."""
    messages: dict[str, float]
    """Per second, by what is heard or sent."""
    controller_seconds: float
    """Of a real processor, for each simulated second, without sockets."""
    longest_turn: float
    retained: int
    """Most bytes that an ingester kept."""
    gigabits: dict[str, float]
    """By direction, the busiest line of a host."""
    took: float
    """Real seconds of the simulation."""
    digest: str
    """What the same seed and costs give again."""

    @property
    def sustained(self) -> bool:
        """Whether the pipeline kept up."""
        # Whose lag is of the length of the run has only begun to queue.
        steady = self.lag["p50"] < 0.5 * self.seconds
        return self.reduced + self.failed == self.events and max(self.busy.values()) < FULL and steady

    @property
    def ends_first(self) -> str:
        """The role that had least time left."""
        return max(self.busy, key=lambda role: self.busy[role])


FULL = 0.9
"""Who has work for more of the time does not keep up: what waits for it grows without an end, or nearly so."""


class Simulation:
    """One run."""

    def __init__(self, scenario: Scenario, costs: Costs) -> None:
        self.scenario, self.world = scenario, World()
        self._random = np.random.default_rng(scenario.seed)
        self._costs = costs
        self._hosts: list[Host] = []
        self.events = int(scenario.rate * scenario.seconds)
        settings = ControllerSettings(
            max_processes=2 * (scenario.workers + scenario.ingesters) + 2,
            heartbeat_interval=scenario.heartbeat,
            heartbeat_timeout=5 * scenario.heartbeat,
        )
        self.controller = Controller(self.world, self._host(), settings, costs)
        self.reducer = Reducer(self.world, self._host(), costs, scenario.reduce, self.events)
        self.streams = [f"stream{number}" for number in range(scenario.streams)]
        self.ingesters = self._make(scenario.ingesters, scenario.ingesters_per_host, self._ingester)
        self.workers = self._make(scenario.workers, scenario.workers_per_host, self._worker)
        self.begins_at = 0.0
        self._worked: list[dict[str, list[float]]] = []
        """By role, the seconds in which each process had worked by the middle and by the end of the packets."""

    def _host(self) -> Host:
        self._hosts.append(Host(self.scenario.line))
        return self._hosts[-1]

    def _make(self, count: int, per_host: int, make: Callable[[int, Host], Any]) -> list[Any]:
        return [
            make(number, self._host() if number % per_host == 0 else self._hosts[-1])
            for number in range(count)
        ]

    def _ingester(self, number: int, host: Host) -> Ingester:
        scenario = self.scenario
        mine = self.streams[number :: scenario.ingesters]
        return Ingester(
            self.world, f"ingester{number}", host, self._costs, mine, scenario.rate, scenario.packet_bytes
        )

    def _worker(self, number: int, host: Host, life: int = 0) -> Worker:
        scenario, random = self.scenario, self._random
        mean = scenario.analysis
        if mean is None:
            mean = max(0.5 * scenario.workers / scenario.rate - self._costs.worker_event, 0.0)
        if number < scenario.slow * scenario.workers:
            mean *= 3

        def seconds(count: int) -> npt.NDArray[np.float64]:
            return mean * random.lognormal(-(JITTER**2) / 2, JITTER, count)

        return Worker(self.world, f"worker{number}@{life}", host, self._costs, seconds)

    # ---- what happens -------------------------------------------------------------------------------------------------------

    def run(self) -> Outcome:
        """Let it happen."""
        logging.disable(logging.WARNING)
        begun = time.perf_counter()
        try:
            self._begin()
            self._go()
        finally:
            logging.disable(logging.NOTSET)
        return self._outcome(time.perf_counter() - begun)

    def _register(self, process: Process, role: str, streams: dict[str, str] | None = None) -> None:
        address = f"sim://{process.name}"
        name = process.name.partition("@")[0]
        tags = ["generic"] if role == "worker" else []
        register = Register(name, role, address, "simulated", 1, "0", streams or {}, tags=tags)
        self.controller.hear(Letter(process.name, register))
        self._beat(process, self.world.now + self._random.uniform(0, self.scenario.heartbeat))

    def _beat(self, process: Process, when: float) -> None:
        def beat() -> None:
            if process.alive:
                self.world.send(
                    process.host,
                    f"sim://{CONTROLLER}",
                    Letter(process.name, Heartbeat(f"sim://{process.name}", FIGURES)),
                    when,
                )
                self._beat(process, when + self.scenario.heartbeat)

        self.world.at(when, beat)

    def _begin(self) -> None:
        for one in self.ingesters:
            self._register(one, "ingester", dict.fromkeys(one.streams, "generator"))
        self._register(self.reducer, REDUCER)
        for one in self.workers:
            self._register(one, "worker")
        self.world.run(ARMED_BY / 2)
        said: list[str | Exception] = []
        self.controller.service.arm(
            batched(self.streams, self.events, self.scenario.batch, all_wrap=False),
            said.append,
            self.world.now,
        )
        self.controller.wake(self.world.now)
        while not said:
            self.world.run(self.world.now + 0.01)
            self.world.now += 0.01
        if isinstance(said[0], Exception):
            raise said[0]

    def _go(self) -> None:
        scenario, world = self.scenario, self.world
        self.begins_at = world.now + 0.1
        for one in self.ingesters:
            one.begins_at = self.begins_at + self._random.uniform(0, 0.001)
            one.wake(one.begins_at + 1 / scenario.rate)
        for part in (0.5, 1.0):
            world.at(self.begins_at + part * scenario.seconds, lambda: self._worked.append(self._work()))
        if scenario.dies_at is not None:
            world.at(self.begins_at + scenario.dies_at, self._die)
        for one in [self.controller, self.reducer, *self.ingesters, *self.workers]:
            one.busy, one.heard, one.sent = 0.0, 0, 0
        self.controller.turns.clear()
        self.controller.real_seconds = self.controller.longest_turn = 0.0
        for host in self._hosts:
            host.bytes_in = host.bytes_out = 0
        world.run(
            self.begins_at + scenario.seconds + PATIENCE,
            lambda: len(self._worked) > 1 and self.active.run.phase is RunPhase.COMPLETE,
        )

    @property
    def active(self) -> ActiveRun:
        """The run as the controller has it."""
        active = self.controller.service.active
        if active is None:
            raise RuntimeError("the run was not armed")
        return active

    def _work(self) -> dict[str, list[float]]:
        roles = {
            "controller": [self.controller],
            "ingester": self.ingesters,
            "worker": self.workers,
            "reducer": [self.reducer],
        }
        return {role: [one.busy for one in some] for role, some in roles.items()}

    def _busy(self) -> dict[str, float]:
        begin, end = self._worked
        parts = {
            role: np.maximum(np.array(end[role]) - np.array(begin[role]), 0) / (0.5 * self.scenario.seconds)
            for role in end
        }
        return {role: float(part.mean() if role == "worker" else part.max()) for role, part in parts.items()}

    def _die(self) -> None:
        """The first host of workers is gone, and comes back."""
        for number in range(min(self.scenario.workers_per_host, len(self.workers))):
            self.workers[number].die()
        self.world.at(self.world.now + self.scenario.back_after, self._come_back)

    def _come_back(self) -> None:
        host = self._host()
        for number in range(min(self.scenario.workers_per_host, len(self.workers))):
            self.workers[number] = self._worker(number, host, 1)
            self._register(self.workers[number], "worker")

    # ---- what came of it ----------------------------------------------------------------------------------------------------

    def _outcome(self, took: float) -> Outcome:
        scenario, run = self.scenario, self.active.run
        counts = run.ledger.counts()
        came = max(one.begins_at for one in self.ingesters) + (np.arange(self.events) + 1) / scenario.rate
        lag = self.reducer.taken_at - came
        span = max(self.world.now - self.begins_at, 1e-9)
        turns = self.controller.turns
        return Outcome(
            events=self.events,
            seconds=scenario.seconds,
            reduced=counts.reduced,
            failed=counts.failed,
            lost=counts.lost,
            redelivered=run.redelivered,
            span=span,
            lag=_quantiles(lag[~np.isnan(lag)]),
            busy=self._busy(),
            messages={
                "controller hears": self.controller.heard / span,
                "controller sends": self.controller.sent / span,
                "leases": sum(one.leases for one in turns) / span,
                "an ingester sends": max(one.sent for one in self.ingesters) / span,
                "all ingesters send": sum(one.sent for one in self.ingesters) / span,
                "the reducer hears": self.reducer.heard / span,
            },
            controller_seconds=self.controller.real_seconds / span,
            longest_turn=self.controller.longest_turn,
            retained=max(
                sum(one.retention.peak_nbytes for one in ingester.routers) for ingester in self.ingesters
            ),
            gigabits={
                "in": max(host.bytes_in for host in self._hosts) * 8e-9 / span,
                "out": max(host.bytes_out for host in self._hosts) * 8e-9 / span,
            },
            took=took,
            digest=f"{zlib.crc32(self.reducer.taken_at.tobytes()):08x}",
        )


def _quantiles(lag: npt.NDArray[np.float64]) -> dict[str, float]:
    if not len(lag):
        return dict.fromkeys(("p50", "p95", "p99", "max"), float("inf"))
    return {
        **{f"p{q}": float(np.percentile(lag, q)) for q in (50, 95, 99)},
        "max": float(lag.max()),
    }
