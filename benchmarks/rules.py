"""What rules cost: frames dispatched a second beside the plain executor, 20,000 chunks in one rule, the start of the next step, latency.

Tasks do nothing, so that all that is measured is the way there and back, and the ledger; but for the last figures, which are those of the
chain of the documentation (localize, render, measure) that follows the process of a camera at 100 frames a second.
``--dask`` measures what Dask costs too, on workers of this machine. ``--json`` prints the figures as one JSON object on the last line.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from beamloom.rules import (
    Chunk,
    DaskExecutor,
    FunctionRule,
    LocalisationRuleFactory,
    LocalPool,
    RecipeRuleFactory,
    RuleEngine,
    RuleFactory,
    SpoolWriter,
)

WORKERS: Final = 2
LOCALIZED: Final = "frame written to frame localized, s, median, p95, greatest"
HERE: Final = Path(__file__).resolve().parent


def nothing(chunk: Chunk, parameters: Any) -> None:
    """Does not even read."""


def stamp(chunk: Chunk, parameters: Any) -> dict[str, float]:
    """When the last frame of the chunk was read."""
    frames = chunk.frames
    return {"written": float(frames[-1, 0, 0]), "read": time.time()}


def plain(number: int) -> None:
    """The same for the plain executor."""


def rule(task: str, series: Any, chunk: int, **kwargs: Any) -> FunctionRule:
    """A rule that calls a function of this module."""
    return FunctionRule(f"rules:{task}", series, chunk=chunk, **kwargs)


def dispatched(engine: RuleEngine, frames: int, chunk: int) -> float:
    """Frames a second."""
    begun = time.perf_counter()
    rule("nothing", frames, chunk).push(engine).wait()
    return frames / (time.perf_counter() - begun)


def by_the_plain_executor(chunks: int, size: int) -> float:
    """Frames a second by ``ProcessPoolExecutor``: nothing is kept, nothing is tried again."""
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(plain, range(100)))
        begun = time.perf_counter()
        for future in [pool.submit(plain, number) for number in range(chunks)]:
            future.result()
        return chunks * size / (time.perf_counter() - begun)


def quarters(engine: RuleEngine, chunks: int) -> list[float]:
    """Chunks a second in each quarter of one rule."""
    pushed = rule("nothing", chunks, 1).push(engine)
    times = [time.perf_counter()]
    for quarter in range(1, 5):
        while pushed.status()["frames"]["done"] < quarter * chunks // 4:
            time.sleep(0.01)
        times.append(time.perf_counter())
    pushed.wait()
    return [chunks / 4 / (after - before) for before, after in itertools.pairwise(times)]


def successor(engine: RuleEngine, times: int) -> float:
    """Milliseconds from the end of a rule to the end of the first chunk of the next one, the median."""
    found = []
    for _ in range(times):
        first, second = (
            RuleFactory(rule_class=FunctionRule, task="rules:nothing", series=1) for _ in range(2)
        )
        first.chain(second)
        pushed = first.get_rule({}).push(engine)
        pushed.wait(chain=True)
        after = engine.rule(pushed.status()["next"][0]).view()
        found.append(1000 * ((after.finished or 0) - (pushed.pushed.view().finished or 0)))
    return statistics.median(found)


def latency(engine: RuleEngine, folder: Path, frames: int, rate: float) -> tuple[float, float]:
    """Seconds from when the last frame of a chunk was written until a task has read it: median and greatest."""
    with SpoolWriter(folder, (64, 64), "float64") as writer:
        pushed = rule("stamp", folder, 100, max_wait=0.1).push(engine)
        begun = time.time()
        for index in range(frames):
            time.sleep(max(0.0, begun + index / rate - time.time()))
            writer.write(np.full((64, 64), time.time()))
    pushed.wait()
    waits = [part.value["read"] - part.value["written"] for part in engine.parts(pushed.pushed.id)]
    return statistics.median(waits), max(waits)


def chain(engine: RuleEngine, folder: Path, frames: int, rate: float) -> dict[str, Any]:
    """What becomes of the frames of a camera's process: when each is localized, and what follows."""
    os.environ["BEAMLOOM_CLUSTER_ROOT"] = str(HERE.parent / "examples" / "rules")
    names = {"spool_dir": str(folder), "series_stub": "cell"}
    step1, step2, step3 = (
        LocalisationRuleFactory(seriesName=folder / "cell", max_wait=0.1),
        *(
            RecipeRuleFactory(
                recipeURI=f"PYME-CLUSTER///RECIPES/{recipe}.yaml",
                input_patterns={"input": f"{{{{spool_dir}}}}/analysis/{{{{series_stub}}}}.{suffix}"},
            )
            for recipe, suffix in (("render_image", "h5r"), ("measure_blobs", "tif"))
        ),
    )
    step1.chain(step2).chain(step3)
    folder.mkdir()
    camera = subprocess.Popen(
        [sys.executable, str(HERE / "rules_camera.py"), str(folder / "cell"), str(frames), str(rate)]
    )
    rule = step1.get_rule(names).push(engine)
    counted: list[tuple[float, int]] = []
    while not rule.pushed.ended:
        counted.append((time.time(), rule.pushed.view().frames_done))
        time.sleep(0.005)
    localized = time.time()
    rule.wait(chain=True)
    over = time.time()
    camera.wait()
    written = np.load(folder / "cell.times.npy")
    moments, counts = np.array([moment for moment, _ in counted] + [localized]), [n for _, n in counted]
    waits = moments[np.searchsorted([*counts, frames], np.arange(1, frames + 1))] - written
    return {
        LOCALIZED: [*map(float, (np.median(waits), np.percentile(waits, 95), waits.max()))],
        "last frame written to table written, s": localized - float(written[-1]),
        "table written to image rendered and blobs measured, s": over - localized,
    }


def by_dask(folder: Path) -> dict[str, Any]:
    """The same by workers of Dask."""
    from distributed import LocalCluster

    with (
        LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, dashboard_address="127.0.0.1:0", silence_logs="ERROR"
        ) as cluster,
        RuleEngine(folder, DaskExecutor(cluster)) as engine,
    ):
        dispatched(engine, 1000, 10)
        return {
            "frames/s, chunks of 100, Dask": dispatched(engine, 100_000, 100),
            "frames/s, chunks of 1, Dask": dispatched(engine, 2_000, 1),
            "next step worked off after, ms, Dask": successor(engine, 20),
        }


def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        RuleEngine(Path(folder) / "rules", LocalPool(WORKERS)) as engine,
    ):
        dispatched(engine, 1000, 10)
        report: dict[str, Any] = {
            "frames/s, chunks of 100": dispatched(engine, 500_000, 100),
            "frames/s, chunks of 1": dispatched(engine, 10_000, 1),
            "frames/s, plain executor, 100 a task": by_the_plain_executor(5_000, 100),
            "frames/s, plain executor, 1 a task": by_the_plain_executor(10_000, 1),
            "chunks/s in each quarter of 20,000": quarters(engine, 20_000),
            "next step worked off after, ms": successor(engine, 20),
            "frame written to frame read at 100/s, s, median and greatest": latency(
                engine, Path(folder) / "series", 500, 100.0
            ),
        }
        cold = chain(engine, Path(folder) / "cold", 100, 100.0)
        report |= chain(engine, Path(folder) / "warm", 2000, 100.0)
        report["  by workers that have localized nothing before"] = cold[LOCALIZED]
        if arguments.dask:
            report |= by_dask(Path(folder) / "dask")
    for name, value in report.items():
        values = value if isinstance(value, list | tuple) else [value]
        print(f"{name:64} {'  '.join(f'{one:,.3g}' if one < 100 else f'{one:,.0f}' for one in values)}")
    if arguments.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
