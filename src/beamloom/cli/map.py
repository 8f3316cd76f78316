"""Show a trigger map as a table: a row per stream, a column per event.

The map is a JSON file as the controller takes it, or comes from one of the builders: uniform, batched, overlapping, sparse,
burst, open_ended.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from beamloom.cli._words import words
from beamloom.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from beamloom.triggermap import TriggerMap

EXAMPLE = """\
beamloom map scan.json --first 100
beamloom map batched --streams eiger,contrast --events 20 --size 5
beamloom map sparse --streams eiger,slow --events 20 --every slow=4 --json"""

BUILDERS = ("uniform", "batched", "overlapping", "sparse", "burst", "open_ended")
BUILDER_ARGUMENTS = ("streams", "n", "size", "share", "every", "points", "frames", "record", "batch")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The map, what its builder takes, and the part to show."""
    parser.add_argument("map", metavar="MAP", help="a JSON file, or the name of a builder")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="first event to show (default 0)")
    parser.add_argument(
        "--count", type=int, default=16, metavar="N", help="number of events to show (default 16)"
    )
    parser.add_argument(
        "--no-wrap", action="store_true", help="without the start and the end event around the map"
    )
    parser.add_argument("--json", action="store_true", help="print the map as the controller takes it")
    group = parser.add_argument_group("what builders take")
    group.add_argument("--streams", type=words, metavar="A,B", help="the streams, separated by commas")
    group.add_argument("--events", dest="n", type=int, metavar="N", help="number of events")
    group.add_argument("--size", type=int, metavar="N", help="consecutive events that go to one worker")
    group.add_argument(
        "--share", type=int, metavar="N", help="overlapping: frames that neighbouring windows share"
    )
    group.add_argument(
        "--every", type=_intervals, metavar="A=N,B=N", help="sparse: events per packet of slow streams"
    )
    group.add_argument("--points", type=int, metavar="N", help="burst: number of points of the scan")
    group.add_argument("--frames", type=int, metavar="N", help="burst: frames at each point")
    group.add_argument("--record", type=words, metavar="A,B", help="burst: streams with one packet per point")
    group.add_argument(
        "--batch", type=int, metavar="N", help="open_ended: consecutive events that go to one worker"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    import msgspec

    from beamloom.triggermap import TriggerMapError, render

    try:
        trigger_map = _trigger_map(arguments)
    except TriggerMapError as error:
        raise UsageError(str(error)) from error
    if arguments.json:
        print(msgspec.json.encode(trigger_map.to_json()).decode())
    else:
        print(render(trigger_map, arguments.first, arguments.count))
    return 0


def _trigger_map(arguments: argparse.Namespace) -> TriggerMap:
    from beamloom import triggermap

    if arguments.map in BUILDERS:
        return _built(getattr(triggermap, arguments.map), arguments)
    file = Path(arguments.map)
    if not file.is_file():
        raise UsageError(
            f"there is neither a file nor a builder {arguments.map!r}{did_you_mean(arguments.map, BUILDERS)}; "
            f"builders are {', '.join(BUILDERS)}"
        )
    return triggermap.TriggerMap.from_json(file.read_bytes(), all_wrap=not arguments.no_wrap)


def _built(builder: Callable[..., TriggerMap], arguments: argparse.Namespace) -> TriggerMap:
    given = {
        name: getattr(arguments, name) for name in BUILDER_ARGUMENTS if getattr(arguments, name) is not None
    }
    parameters = inspect.signature(builder).parameters
    needed = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    problems = [f"{_flag(name)} is missing" for name in needed if name not in given]
    problems += [f"{_flag(name)} means nothing to it" for name in given if name not in parameters]
    if problems:
        raise UsageError(
            f"the builder {arguments.map} needs {', '.join(map(_flag, needed))}: {' and '.join(problems)}"
        )
    return builder(**given, all_wrap=not arguments.no_wrap)


def _flag(name: str) -> str:
    return "--events" if name == "n" else f"--{name}"


def _intervals(text: str) -> dict[str, int]:
    pairs = [word.partition("=") for word in words(text)]
    if not all(name and number.isdigit() for name, _, number in pairs):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form stream=number,stream=number")
    return {name: int(number) for name, _, number in pairs}
