"""The chaos suite from the command line: ``make chaos ARGS="--seed 7 --events 50000"``.

Prints a table of what was done and what came of it; the last line is one JSON object. The exit status is 1 when anything is not as it
should be.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from chaos.campaign import campaign
from chaos.many_runs import many_runs
from chaos.schedule import Kind, Schedule, draw
from support.left_behind import MARK, Surroundings

DEFAULT_RATE = 1000.0


def main(words: Sequence[str] | None = None) -> int:
    """Run what was asked for."""
    asked = _parser().parse_args(words)
    logging.getLogger("beamloom").setLevel(logging.CRITICAL)
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    mark = secrets.token_hex(16)
    before = Surroundings.now(mark)
    os.environ[MARK] = mark
    if asked.runs:
        outcome = msgspec.to_builtins(many_runs(asked.runs))
    else:
        kinds = [Kind(kind) for kind in asked.kinds.split(",")] if asked.kinds else list(Kind)
        schedule = draw(seed, asked.events, asked.blows or max(1, asked.events // 1500), kinds)
        if asked.schedule:
            print(json.dumps(asdict(schedule)))
            return 0
        outcome = _campaign(schedule, asked)
    outcome["problems"] += [f"left behind: {line}" for line in before.left()]
    before.sweep()
    _show(outcome)
    return 1 if outcome["problems"] else 0


def _campaign(schedule: Schedule, asked: argparse.Namespace) -> dict[str, Any]:
    print(
        f"seed {schedule.seed}: {schedule.events} events at {asked.rate:g}/s, {schedule.faults} faults, "
        f"{len(schedule.blows)} of them to processes",
        flush=True,
    )
    return dict(msgspec.to_builtins(campaign(schedule, asked.rate, stateful=asked.stateful)))


def _show(outcome: Mapping[str, Any]) -> None:
    """A table, the problems, and the line for programs."""
    rows: list[tuple[str, Any]] = []
    for name, value in outcome.items():
        if isinstance(value, Mapping):
            rows += [(f"{name.replace('_', ' ')}: {key}", one) for key, one in value.items()]
        elif name != "problems":
            rows.append((name.replace("_", " "), value))
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    lines += [f"PROBLEM  {problem}" for problem in outcome["problems"]]
    print("\n".join([*lines, json.dumps(outcome)]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, help="what the faults are drawn from; by default any, and printed"
    )
    parser.add_argument("--events", type=int, default=50_000, help="events of the run (default %(default)s)")
    parser.add_argument(
        "--rate",
        type=float,
        default=DEFAULT_RATE,
        help="events per second of the devices (default %(default)s)",
    )
    parser.add_argument(
        "--blows", type=int, help="how often something is done to a process (default: events / 1500)"
    )
    parser.add_argument("--kinds", help=f"what may be done, of {','.join(Kind)} (default: all)")
    parser.add_argument(
        "--stateful", action="store_true", help="with a class whose results depend on earlier events"
    )
    parser.add_argument("--schedule", action="store_true", help="only print what would be done, as JSON")
    parser.add_argument(
        "--runs", type=int, help="instead: so many short runs in a row, and what they leave behind"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
