"""Begin a run: which streams, how many events, and who gets them.

Prints the id of the run as soon as every process is ready and the devices may send. Without --streams all streams of the pipeline take
part. With --wait it stays until the run is over, and exits with 0 only if nothing failed or was lost.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from beamloom.cli._pipelines import add_url, pipeline_at
from beamloom.cli._words import words
from beamloom.errors import MapRefused, UsageError

if TYPE_CHECKING:
    from beamloom.client import Pipeline
    from beamloom.triggermap import TriggerMap

EXAMPLE = """\
beamloom arm --streams eiger,contrast --events 1000 --wait
beamloom arm --events 1000 --burst 10 --record contrast
beamloom arm --events 1000 --overlap 1
beamloom arm --until-stopped http://beamline:5000
beamloom arm --map scan.json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run."""
    add_url(parser)
    parser.add_argument("--streams", type=words, metavar="A,B", help="streams (default: all)")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--events", type=int, metavar="N", help="number of events")
    length.add_argument("--until-stopped", action="store_true", help="go on until `beamloom stop`")
    length.add_argument("--map", type=Path, metavar="FILE", help="a trigger map as JSON")
    parser.add_argument("--batch", type=int, metavar="N", help="so many consecutive events go to one worker")
    parser.add_argument(
        "--overlap", type=int, metavar="N", help="neighbouring windows share so many frames, for differences"
    )
    parser.add_argument("--burst", type=int, metavar="N", help="so many events at each point of the scan")
    parser.add_argument(
        "--record",
        type=words,
        default=[],
        metavar="A,B",
        help="with --burst: streams with one packet per point",
    )
    parser.add_argument("--wait", action="store_true", help="stay until the run is over")
    parser.add_argument("--max-failed", metavar="N|P%", help="more failed events than this are too many")
    parser.add_argument(
        "--stop-when-failed", action="store_true", help="stop the run when more than --max-failed have failed"
    )


def run(arguments: argparse.Namespace) -> int:
    """Arm, and wait where that is wanted."""
    if arguments.stop_when_failed and arguments.max_failed is None:
        raise UsageError("--stop-when-failed needs --max-failed: how many events may fail, as 20 or 5%")
    with pipeline_at(arguments.url) as pipeline:
        what = _what(arguments, pipeline)
        try:
            run_id = pipeline.arm(
                what,
                max_failed=arguments.max_failed,
                on_max_failed="stop" if arguments.stop_when_failed else None,
            )
        except MapRefused as refusal:
            raise UsageError(str(refusal)) from None
        print(f"run {run_id} is armed: {_said(what)}; the devices may send", flush=True)
        return _watched_to_its_end(pipeline) if arguments.wait else 0


def _said(armed: TriggerMap) -> str:
    total = armed.total_events
    length = "until it is stopped" if total is None else f"{total:,} events, its start and end among them"
    return f"{', '.join(sorted(armed.streams))}; {length}"


def _watched_to_its_end(pipeline: Pipeline) -> int:
    end = pipeline.wait()
    print(f"{end}\n{pipeline.coverage()}")
    return 1 if end.failed or end.lost or end.degraded else 0


def _what(arguments: argparse.Namespace, pipeline: Pipeline) -> TriggerMap:
    """The trigger map. Raises UsageError for what cannot be put together."""
    from beamloom import triggermap

    layouts = [name for name in ("batch", "overlap", "burst") if getattr(arguments, name) is not None]
    if "overlap" in layouts and len(layouts) > 1:
        raise UsageError("windows that overlap are batches of their own; give --overlap alone")
    if arguments.record and arguments.burst is None:
        raise UsageError(
            "--record says which streams have one packet a point; give --burst, the events of a point"
        )
    if arguments.map is not None:
        if layouts or arguments.streams:
            raise UsageError("the map says which streams there are and who gets what: give --map alone")
        try:
            return triggermap.TriggerMap.from_json(arguments.map.read_bytes())
        except OSError as error:
            raise UsageError(f"{arguments.map} cannot be read: {error.strerror}") from error
        except triggermap.TriggerMapError as error:
            raise UsageError(f"{arguments.map}: {error}") from error
    streams = arguments.streams or _all_streams(pipeline)
    try:
        if arguments.until_stopped:
            if {"overlap", "burst"} & {*layouts}:
                raise UsageError(
                    "--overlap and --burst need a number of events; give --events in place of --until-stopped"
                )
            return triggermap.open_ended(streams, batch=arguments.batch or 1)
        if arguments.overlap is not None:
            return triggermap.overlapping(streams, arguments.events, arguments.overlap)
        if arguments.burst is not None:
            points = _points(arguments.events, arguments.burst)
            size = arguments.batch or 1
            return triggermap.burst(streams, points, arguments.burst, arguments.record, size=size)
        if arguments.batch is not None:
            return triggermap.batched(streams, arguments.events, arguments.batch)
        return triggermap.uniform(streams, arguments.events)
    except triggermap.TriggerMapError as error:
        raise UsageError(str(error)) from error


def _points(events: int, burst: int) -> int:
    if burst < 1 or events % burst:
        raise UsageError(f"{events} events are no whole number of points with {burst} events each")
    return events // burst


def _all_streams(pipeline: Pipeline) -> list[str]:
    streams = pipeline.known_streams
    if not streams:
        raise UsageError(
            f"no ingester has told the controller at {pipeline.url} of a stream yet; is it running?"
        )
    return streams
