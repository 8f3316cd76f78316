"""Say in a few lines how a pipeline is: its run, whether its result is complete, what is in the way of the next run.

Exits with 1 where something is in the way, or events of the run have failed or are lost. `beamloom top` shows more, and live;
`beamloom doctor` says what to do.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from beamloom.cli._pipelines import add_url, pipeline_at

if TYPE_CHECKING:
    from beamloom.client import Coverage, Feedback, Progress

LINES_SHOWN = 5
"""Of what the analysis has said."""
EXAMPLE = """\
beamloom status
beamloom status http://beamline:5000 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pipeline."""
    add_url(parser)
    parser.add_argument("--json", action="store_true", help="as data, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    import msgspec

    from beamloom.errors import PipelineError

    with pipeline_at(arguments.url) as pipeline:
        progress, problems = pipeline.progress(), pipeline.problems()
        try:
            coverage = pipeline.coverage()
        except PipelineError:
            # The reducer may be what is in the way, which is among the problems then.
            coverage = None
        streams = pipeline.known_streams
        said = pipeline.feedback_so_far()
        leaving = {one["name"]: one["drains"] for one in pipeline.processes()["workers"] if one.get("drains")}
    if arguments.json:
        print(
            msgspec.json.encode(
                {
                    "progress": progress,
                    "coverage": coverage,
                    "streams": streams,
                    "problems": problems,
                    "feedback": said,
                    "draining": leaving,
                }
            ).decode()
        )
    else:
        print("\n".join(_lines(progress, coverage, streams, problems, said, leaving)))
    return 1 if problems or progress.failed or progress.lost or progress.degraded else 0


def _lines(
    progress: Progress,
    coverage: Coverage | None,
    streams: list[str],
    problems: list[str],
    said: list[Feedback],
    leaving: dict[str, str],
) -> Iterator[str]:
    yield str(progress)
    if coverage is not None and progress.run is not None:
        yield str(coverage)
    if said:
        before = f", the last {LINES_SHOWN} of {len(said):,}" if len(said) > LINES_SHOWN else ""
        yield f"the analysis said{before}:"
        yield from (f"  {one}" for one in said[-LINES_SHOWN:])
    yield f"streams: {', '.join(streams) or 'none yet'}"
    yield from (f"{name} drains: {why}" for name, why in leaving.items())
    if problems:
        yield "in the way of the next run:"
        yield from (f"  {problem}" for problem in problems)
    else:
        yield (
            "ready for the next run"
            if progress.finished or progress.run is None
            else "all processes are well"
        )
