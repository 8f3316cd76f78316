"""Plans past the machines that are here: a run of 64 ingesters and 1,000 workers at 100 kHz, in simulated time.

    python benchmarks/simulate.py                        # measure what work takes here, then the run, then where the design ends
    python benchmarks/simulate.py --only run --workers 500 --rate 20000 --analysis 0.02
    python benchmarks/simulate.py --save-costs costs.json; python benchmarks/simulate.py --costs costs.json

The controller is the real one: its load is measured as it decides. All else takes the time that was measured before, in the same call,
or that a file gives; the same costs and seed give the same run, to the last digit of each lag.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from page import put
from simulation.costs import GIVEN, Costs
from simulation.largest import Largest, at_rate, largest_rate
from simulation.measuring import measure
from simulation.scenario import Outcome, Scenario, Simulation

HEADINGS = (
    "workers",
    "streams",
    "events in a batch",
    "largest rate, events/s",
    "ends first",
    "lag p50, ms",
    "lag p99, ms",
    "controller busy",
)
GRID = [
    # workers, streams, batch
    (10, 8, 20),
    (100, 8, 20),
    (1000, 8, 20),
    (100, 1, 20),
    (100, 8, 100),
    (1000, 64, 20),
]
SMALL = [(4, 1, 10), (8, 2, 10)]


def main() -> int:
    """Do what the command line says."""
    arguments = _parser().parse_args()
    scenario = _scenario(arguments)
    if arguments.costs == "given":
        costs = GIVEN
    elif arguments.costs is not None:
        costs = msgspec.json.decode(Path(arguments.costs).read_bytes(), type=Costs)
    else:
        costs = measure(_say, at_rate(scenario, scenario.rate))
    if arguments.save_costs is not None:
        arguments.save_costs.write_bytes(msgspec.json.format(msgspec.json.encode(costs)))
    said = (
        "given by name"
        if arguments.costs == "given"
        else f"read from {arguments.costs}"
        if arguments.costs
        else "measured just now"
    )
    print(f"What work takes ({said}):", *costs.lines(), sep="\n  ")
    if "run" in arguments.only:
        print("", *_told(scenario, Simulation(scenario, costs).run()), sep="\n")
    if "largest" in arguments.only:
        grid = SMALL if arguments.quick else GRID
        print("\nWhere it ends, with workers that are busy half of the time:")
        print("  " + " | ".join(HEADINGS))
        rows = []
        for row in grid:
            rows.append(_cells(*row, largest_rate(_row(scenario, *row), costs, _say)))
            print("  " + " | ".join(rows[-1]), flush=True)
            if arguments.page is not None:
                # Row by row, as the last ones take long.
                put(arguments.page, "simulation", HEADINGS, rows, _note(said))
    return 0


def _scenario(arguments: argparse.Namespace) -> Scenario:
    given = {
        name: value
        for name in Scenario.__struct_fields__
        if (value := getattr(arguments, name, None)) is not None
    }
    return msgspec.structs.replace(Scenario(slow=0.05, dies_at=0.5, seconds=4.0), **given)


def _row(scenario: Scenario, workers: int, streams: int, batch: int) -> Scenario:
    return msgspec.structs.replace(
        scenario,
        workers=workers,
        streams=streams,
        ingesters=streams,
        batch=batch,
        slow=0.0,
        dies_at=None,
        analysis=None,
    )


def _told(scenario: Scenario, outcome: Outcome) -> Iterator[str]:
    yield (
        f"{scenario.ingesters} ingesters, {scenario.streams} streams, {scenario.workers:,} workers, {scenario.rate:,.0f} events/s, "
        f"{scenario.batch} events in a batch, {outcome.events:,} events:"
    )
    if scenario.dies_at is not None:
        yield (
            f"  a host with {scenario.workers_per_host} workers dies after {scenario.dies_at:g} s, "
            f"and is back {scenario.back_after:g} s later"
        )
    if scenario.slow:
        yield f"  {100 * scenario.slow:g} % of the workers are three times as slow as the others"
    yield (
        f"  events                {outcome.reduced:,} reduced, {outcome.failed} failed, {outcome.lost} lost; "
        f"{outcome.redelivered:,} given out again"
    )
    yield "  lag                   " + ", ".join(
        f"{name} {1000 * value:,.1f} ms" for name, value in outcome.lag.items()
    )
    for role, part in outcome.busy.items():
        yield f"  {role + ' busy':<22}{100 * part:.0f} %"
    yield (
        f"  the controller took   {outcome.controller_seconds:.3f} s of a real processor for each simulated second, without sockets; "
        f"its longest turn {1000 * outcome.longest_turn:.1f} ms"
    )
    for name, rate in outcome.messages.items():
        yield f"  {name:<22}{rate:,.0f} each second"
    yield f"  an ingester keeps     {outcome.retained / 1e6:,.0f} MB at most"
    yield f"  busiest line          {outcome.gigabits['out']:.1f} Gbit/s out, {outcome.gigabits['in']:.1f} in"
    yield f"  {'keeps up' if outcome.sustained else 'does not keep up: ' + outcome.ends_first + ' has no time left'}"
    yield f"  simulated in {outcome.took:.0f} s; the run's digest is {outcome.digest}"


def _cells(workers: int, streams: int, batch: int, found: Largest | None) -> tuple[str, ...]:
    first = (f"{workers:,}", f"{streams}", f"{batch}")
    if found is None:
        return (*first, "none", "", "", "", "")
    lag = found.outcome.lag
    rate = float(f"{found.scenario.rate:.2g}")
    shown = (f"{1000 * lag[name]:,.1f}" for name in ("p50", "p99"))
    return (
        *first,
        f"{rate:,.0f}",
        found.ends_first,
        *shown,
        f"{100 * found.outcome.busy['controller']:.0f} %",
    )


def _note(said: str) -> str:
    when = time.strftime("%Y-%m-%d", time.gmtime())
    return (
        f"`python benchmarks/simulate.py --only largest --page docs/how-to/size-a-pipeline.md`, {when}, on a machine of "
        f"{os.cpu_count()} cores; what work takes was {said}, at a load of {os.getloadavg()[0]:.1f}."
    )


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=("run", "largest"), default=("run", "largest"))
    parser.add_argument(
        "--costs",
        metavar="FILE",
        help="what work takes, as --save-costs wrote it; 'given' takes round figures",
    )
    parser.add_argument("--save-costs", type=Path, metavar="FILE")
    parser.add_argument("--quick", action="store_true", help="two small rows in place of the table")
    parser.add_argument("--page", type=Path, metavar="FILE", help="page of the documents that gets the table")
    for name, kind, what in (
        ("streams", int, "streams"),
        ("ingesters", int, "processes that read them"),
        ("workers", int, "workers"),
        ("workers-per-host", int, "of them on each host"),
        ("rate", float, "events per second"),
        ("seconds", float, "for how long"),
        ("batch", int, "consecutive events for the same worker"),
        ("packet-bytes", int, "bytes of a packet"),
        ("line", float, "bits per second of a host's line"),
        (
            "analysis",
            float,
            "seconds of the analysis for an event (default: workers are busy half of the time)",
        ),
        ("reduce", float, "seconds of the reducer's analysis for a result"),
        ("slow", float, "part of the workers that are three times as slow"),
        ("dies-at", float, "seconds after which a host of workers dies"),
        ("heartbeat", float, "seconds between signs of life"),
        ("seed", int, "of all that is by chance"),
    ):
        parser.add_argument(f"--{name}", type=kind, metavar="N", help=what)
    return parser


if __name__ == "__main__":
    sys.exit(main())
