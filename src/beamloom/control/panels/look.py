"""What a panel shows of a pipeline at one moment: its state, its counts, a text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from beamloom.client import Pipeline, Progress
from beamloom.errors import PipelineError

STANDBY, RUNNING, FAULT, CLOSE = "STANDBY", "RUNNING", "FAULT", "CLOSE"
"""No run yet; a run goes on; something is wrong; the last run is over."""


@dataclass(frozen=True)
class Look:
    """One look at a pipeline."""

    state: str
    text: str
    run: str = ""
    completed: int = 0
    total: int | None = None
    """None while nobody knows how many events there will be."""
    lost: int = 0
    failed: int = 0
    workers: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)
    """Results that are single numbers, by path."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of each parameter that has a value: another one wherever it was set."""
    describing: tuple[str, ...] = ()
    """The processes that describe parameters: where they are others, there may be other parameters."""
    known: bool = False
    """Whether the pipeline has answered; where not, only state and text say something."""


def look_at(pipeline: Pipeline) -> Look:
    """Ask the pipeline. What keeps it from answering is a look, too."""
    try:
        progress = pipeline.progress()
        config = pipeline.processes()
        load = pipeline.load()
        problems = pipeline.problems()
    except PipelineError as error:
        return Look(FAULT, str(error))
    lines = [str(progress), *_problems(problems, progress), *_processes(config, load)]
    return Look(
        _state(progress, problems),
        "\n".join(lines),
        progress.run or "",
        progress.completed_events,
        progress.total_events,
        progress.lost,
        progress.failed,
        len(config["workers"]),
        _numbers(pipeline),
        config["parameters_version"],
        _describing(config),
        known=True,
    )


def _describing(config: Mapping[str, Any]) -> tuple[str, ...]:
    processes = [*config["workers"], *([config["reducer"]] if config["reducer"] else [])]
    return tuple(sorted(one["service_uuid"] for one in processes))


def _state(progress: Progress, problems: list[str]) -> str:
    if progress.run is not None and not progress.finished:
        return FAULT if progress.degraded else RUNNING
    if progress.aborted or progress.degraded or problems:
        return FAULT
    return STANDBY if progress.run is None else CLOSE


def _problems(problems: list[str], progress: Progress) -> Iterator[str]:
    if progress.degraded:
        yield f"degraded: {progress.degraded}"
    yield from problems


def _processes(config: Mapping[str, Any], load: Mapping[str, Any]) -> Iterator[str]:
    for ingester in config["ingesters"]:
        yield f"{ingester['name']}: {', '.join(ingester['streams'])}{_fault(ingester)}"
    for worker in config["workers"]:
        yield f"{worker['name']} [{', '.join(sorted(worker['tags']))}]: {_load(load.get(worker['name']))}{_fault(worker)}"
    reducer = config["reducer"]
    yield (
        "no reducer"
        if reducer is None
        else f"{reducer['name']}: {reducer['processed_events']} results{_fault(reducer)}"
    )


def _fault(process: Mapping[str, Any]) -> str:
    return f" ({process['fault']})" if process["fault"] else ""


def _load(load: Mapping[str, Any] | None) -> str:
    """As ``event 120, 61 events, load 0.43 (last 10) 0.40 (run)``: the part of the time in which it worked."""
    if load is None or load["last_event"] < 0:
        return "no event yet"
    shares = [
        f"{interval['active'] / interval['total']:.2f} ({said})"
        for key, said in (("10", "last 10"), ("scan", "run"))
        if (interval := load["intervals"].get(key)) and interval["total"] > 0
    ]
    events = int(load["intervals"].get("scan", {}).get("events", 0))
    return f"event {load['last_event']}, {events} events" + (f", load {' '.join(shares)}" if shares else "")


def _numbers(pipeline: Pipeline) -> dict[str, float]:
    try:
        return dict(_found("", pipeline.outline()))
    except PipelineError:
        return {}


def _found(path: str, outline: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    if "children" in outline:
        for name, child in outline["children"].items():
            yield from _found(f"{path}/{name}" if path else name, child)
    elif outline.get("shape") == [] and isinstance(outline.get("value"), int | float):
        yield path, float(outline["value"])
