"""Time and memory to read, compile and check large trigger maps, each in a process of its own.

    python benchmarks/trigger_map.py [--json]

Memory is the growth of the process's peak resident size while it works, the JSON text itself not counted.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from beamloom.triggermap import TriggerMap

EVENTS_REPEATED = 10_000_000
EVENTS_DISTINCT = 1_000_000


@dataclass(frozen=True)
class Measured:
    """One row of the table."""

    case: str
    events: int
    json_mb: float
    read_ms: float
    """From JSON text to parts and sequence."""
    compile_ms: float
    """All instances of the map and all their columns."""
    check_ms: float
    total_ms: float
    peak_mb: float


def _table(cells: list[str], streams: int) -> str:
    column = ",".join(cells)
    return "{" + ",".join(f'"s{number}":[{column}]' for number in range(streams)) + "}"


def one_event_repeated() -> str:
    """One event, given with its number of repeats."""
    table = _table(['[{"constraint":0}]'], 3)
    return f'{{"parts":{{"main":{table}}},"sequence":[{{"part":"main","repeat":{EVENTS_REPEATED}}}]}}'


def thousand_events_named_over_and_over() -> str:
    """A thousand events, their part named ten thousand times."""
    table = _table([f'[{{"constraint":{i}}}]' for i in range(1000)], 3)
    names = ",".join(['"main"'] * (EVENTS_REPEATED // 1000))
    return f'{{"parts":{{"main":{table}}},"sequence":[{names}]}}'


def distinct_events() -> str:
    """A million events, each with a constraint of its own."""
    return _distinct([f'[{{"constraint":{i}}}]' for i in range(EVENTS_DISTINCT)], 1)


def distinct_events_with_tags() -> str:
    """The same with the tags written out, as the field's clients send it."""
    return _distinct([f'[{{"tags":["generic"],"constraint":{i}}}]' for i in range(EVENTS_DISTINCT)], 1)


def distinct_events_of_two_streams() -> str:
    """A million events with two streams."""
    return _distinct([f'[{{"constraint":{i}}}]' for i in range(EVENTS_DISTINCT)], 2)


def overlapping_pairs() -> str:
    """A million events, each for two workers: no event is of a single group."""
    return _distinct([f'[{{"constraint":{i}}},{{"constraint":{i + 1}}}]' for i in range(EVENTS_DISTINCT)], 1)


def _distinct(cells: list[str], streams: int) -> str:
    return f'{{"parts":{{"main":{_table(cells, streams)}}},"sequence":["main"]}}'


CASES: tuple[Callable[[], str], ...] = (
    one_event_repeated,
    thousand_events_named_over_and_over,
    distinct_events,
    distinct_events_with_tags,
    distinct_events_of_two_streams,
    overlapping_pairs,
)


def measure(number: int) -> Measured:
    """Run one case; to be called in a fresh process."""
    case = CASES[number]
    body = case().encode()
    _forget_peak()
    before = _resident_mb()
    began = time.perf_counter()
    trigger_map = TriggerMap.from_json(body)
    read = time.perf_counter()
    for _, part in trigger_map.instances():
        # The columns are made when they are first looked at.
        _ = part.fresh_until, part.stretch_until
    compiled = time.perf_counter()
    trigger_map.check(trigger_map.streams, [["generic"]] * 8)
    checked = time.perf_counter()
    return Measured(
        case=case.__name__.replace("_", " "),
        events=trigger_map.total_events or 0,
        json_mb=len(body) / 1e6,
        read_ms=(read - began) * 1e3,
        compile_ms=(compiled - read) * 1e3,
        check_ms=(checked - compiled) * 1e3,
        total_ms=(checked - began) * 1e3,
        peak_mb=max(_peak_mb() - before, 0.0),
    )


def _forget_peak() -> None:
    # Linux forgets the peak on request; what made the JSON text would hide what reads it.
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _resident_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


def _peak_mb() -> float:
    with open("/proc/self/status") as file:
        (line,) = (line for line in file if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    """Print a table, or with --json one object on the last line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    arguments = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    rows = []
    for number in range(len(CASES)):
        with spawn.Pool(1) as pool:
            rows.append(pool.apply(measure, (number,)))
    if arguments.json:
        print(json.dumps({row.case.replace(" ", "_"): asdict(row) for row in rows}))
        return
    print(
        f"{'case':38}{'events':>10}{'JSON MB':>9}{'read ms':>9}{'compile':>9}{'check':>7}{'total ms':>10}{'peak MB':>9}"
    )
    for row in rows:
        print(
            f"{row.case:38}{row.events:10d}{row.json_mb:9.1f}{row.read_ms:9.1f}{row.compile_ms:9.1f}"
            f"{row.check_ms:7.1f}{row.total_ms:10.1f}{row.peak_mb:9.1f}"
        )


if __name__ == "__main__":
    main()
