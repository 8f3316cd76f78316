"""Say in a few lines how a pipeline is: its run, whether its result is complete, what is in the way of the next run.

Exits with 1 where something is in the way, or events of the run have failed or are lost. `beamloom top` shows more, and live;
`beamloom doctor` says what to do. Where several pipelines are found at the address, all are told.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from beamloom.cli._pipelines import TIMEOUT, add_url, pipeline_at

if TYPE_CHECKING:
    from beamloom.client import Coverage, Feedback, Pipeline, Progress

LINES_SHOWN = 5
"""Of what the analysis has said."""
EXAMPLE = """\
beamloom status
beamloom status http://beamline:5000 --json
beamloom status http://beamline:5000/pipelines/saxs"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which pipeline."""
    add_url(parser)
    parser.add_argument("--json", action="store_true", help="as data, for programs")


def run(arguments: argparse.Namespace) -> int:
    """Ask and print."""
    import msgspec

    found = _pipelines_at(arguments.url)
    if len(found) < 2:
        with pipeline_at(arguments.url) as pipeline:
            said = _of(pipeline)
        print(msgspec.json.encode(said).decode() if arguments.json else "\n".join(_lines(**said)))
        return _status(said)
    states = {name: _of_one(f"{arguments.url.rstrip('/')}{path}", problem) for name, path, problem in found}
    if arguments.json:
        print(msgspec.json.encode({"pipelines": states}).decode())
    else:
        print("\n\n".join("\n".join(_under(name, state)) for name, state in states.items()))
    return max(map(_status, states.values()))


def _pipelines_at(url: str) -> list[tuple[str, str, str | None]]:
    """Name, path and problem of each pipeline that is found there."""
    from beamloom.access.clients import credentials_of
    from beamloom.client._by_name import pipelines_at
    from beamloom.client._http import whole_url

    told = pipelines_at(whole_url(url), TIMEOUT, credentials_of())
    return [(line["name"], line["path"], line["problem"]) for line in told]


def _of_one(url: str, problem: str | None) -> dict[str, Any]:
    """How one of several pipelines is; nothing of it stops the others from being told."""
    from beamloom.errors import PipelineError

    if problem is None:
        try:
            with pipeline_at(url) as pipeline:
                return _of(pipeline)
        except PipelineError as error:
            problem = str(error)
    return {"problems": [problem]}


def _of(pipeline: Pipeline) -> dict[str, Any]:
    """How a pipeline is."""
    from beamloom.errors import PipelineError

    progress, problems = pipeline.progress(), pipeline.problems()
    try:
        coverage = pipeline.coverage()
    except PipelineError:
        # The reducer may be what is in the way, which is among the problems then.
        coverage = None
    leaving = {one["name"]: one["drains"] for one in pipeline.processes()["workers"] if one.get("drains")}
    return {
        "progress": progress,
        "coverage": coverage,
        "streams": pipeline.known_streams,
        "problems": problems,
        "feedback": pipeline.feedback_so_far(),
        "draining": leaving,
    }


def _status(state: dict[str, Any]) -> int:
    """The exit status that says how a pipeline is."""
    progress: Progress | None = state.get("progress")
    if progress is None or state["problems"]:
        return 1
    return 1 if progress.failed or progress.lost or progress.degraded else 0


def _under(name: str, state: dict[str, Any]) -> Iterator[str]:
    """The lines on one of several pipelines."""
    yield f"pipeline {name}"
    yield from (f"  {line}" for line in (_lines(**state) if "progress" in state else state["problems"]))


def _lines(
    progress: Progress,
    coverage: Coverage | None,
    streams: list[str],
    problems: list[str],
    feedback: list[Feedback],
    draining: dict[str, str],
) -> Iterator[str]:
    yield str(progress)
    if coverage is not None and progress.run is not None:
        yield str(coverage)
    if feedback:
        before = f", the last {LINES_SHOWN} of {len(feedback):,}" if len(feedback) > LINES_SHOWN else ""
        yield f"the analysis said{before}:"
        yield from (f"  {one}" for one in feedback[-LINES_SHOWN:])
    yield f"streams: {', '.join(streams) or 'none yet'}"
    yield from (f"{name} drains: {why}" for name, why in draining.items())
    if problems:
        yield "in the way of the next run:"
        yield from (f"  {problem}" for problem in problems)
    else:
        yield (
            "ready for the next run"
            if progress.finished or progress.run is None
            else "all processes are well"
        )
