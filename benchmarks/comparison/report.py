"""What is made of the rows: a file for programs, a table for the documents, plots for people."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from page import put

from comparison.surroundings import loop_ns
from comparison.table import BEAMLOOM, DRANSPOSE, MEMCPY, PLAIN, PYZMQ, Row

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = (BEAMLOOM, DRANSPOSE, PYZMQ, MEMCPY, PLAIN)
NOT_QUIET = ": **the machine was not quiet, so this is no measure of anything**"
MUCH_STOLEN = 0.03
"""A share of the time; what is measured meanwhile is no measure of the systems."""
VERDICTS = {True: "yes", False: "**no**", None: ""}


def context(load: float) -> dict[str, Any]:
    """The machine and the version; ``load`` is what it did besides, at the start."""
    return {
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "load_at_start": round(load, 2),
        "python": platform.python_version(),
        "loop_ns": round(loop_ns(), 1),
        "quiet": load <= 1,
    }


def _commit() -> str:
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "--short=10", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no", "src"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + (" with changes" if changed else "")


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def write_json(path: Path, about: dict[str, Any], rows: Sequence[Row]) -> None:
    """One number for each row, Beamloom's, under ``figures``; and all that is known of it under ``rows``."""
    figures = {row.name: _short(row.figures[BEAMLOOM]) for row in rows if BEAMLOOM in row.figures}
    whole = [
        {
            "name": row.name,
            "title": row.title,
            "unit": row.unit,
            "figures": {system: _short(value) for system, value in row.figures.items()},
            "floors": list(map(str, row.floors)),
            "met": row.met,
            "loses_to": row.loses_to,
            "missing": row.missing,
            "detail": row.detail,
        }
        for row in rows
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"about": about, "figures": figures, "rows": whole}, indent=1) + "\n")
    part.replace(path)


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def shown(value: float | None) -> str:
    """A figure as people read it: three digits, thousands apart."""
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def headings(rows: Sequence[Row]) -> list[str]:
    """Of the table, without the systems that no row has."""
    return [system for system in COLUMNS if any(system in row.figures for row in rows)]


def lines(rows: Sequence[Row]) -> list[list[str]]:
    """The table: title, unit, the figures, the floors, whether they are met."""
    systems = headings(rows)
    return [
        [
            row.title + (" (slower than dranspose)" if row.loses_to else ""),
            row.unit,
            *(shown(row.figures.get(system)) for system in systems),
            ", ".join(map(str, row.floors)),
            VERDICTS[row.met],
        ]
        for row in rows
    ]


def write_page(page: Path, about: dict[str, Any], rows: Sequence[Row]) -> None:
    """Put the table into a page of the documents."""
    loses = [row.title for row in rows if row.loses_to]
    missed = [row.title for row in rows if row.met is False]
    missing = sorted({f"{system}: {reason}" for row in rows for system, reason in row.missing.items()})
    note = (
        f"Commit {about['commit']}, {about['date']}, {about['cpu']}, {about['cores']} cores, Python {about['python']}, "
        f"a turn of a plain Python loop {about['loop_ns']:.0f} ns, a load of {about['load_at_start']} at the start"
        f"{'' if about['quiet'] else NOT_QUIET}.{_taken(about['stolen'])} "
        f"Floors missed: {'; '.join(missed) or 'none'}. Slower than dranspose: {'; '.join(loses) or 'nowhere'}."
    )
    if missing:
        note += " Not measured: " + "; ".join(missing) + "."
    put(page, "comparison", ["figure", "unit", *headings(rows), "floor", "met"], lines(rows), note)


def _taken(stolen: Mapping[str, float]) -> str:
    """Of which groups of figures part of the time went to other machines; empty where that is little."""
    much = [f"{name} {100 * share:.0f} %" for name, share in stolen.items() if share >= MUCH_STOLEN]
    return f" **The host gave part of the time to other machines**: {', '.join(much)}." if much else ""


def plot(folder: Path, rows: Sequence[Row]) -> list[Path]:
    """Bars of each unit, all systems beside each other, on logarithmic scales; nothing where matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError:
        return []
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for unit, name in (("events/s", "events"), ("GB/s", "frames"), ("ms", "latency"), ("us/event", "growth")):
        chosen = [row for row in rows if row.unit == unit and row.figures]
        if not chosen:
            continue
        systems = headings(chosen)
        figure, axes = plt.subplots(figsize=(9, 1.5 + 0.5 * len(chosen)), layout="constrained")
        height = 0.8 / len(systems)
        for place, system in enumerate(systems):
            at = [number + place * height for number, row in enumerate(chosen) if system in row.figures]
            axes.barh(
                at, [row.figures[system] for row in chosen if system in row.figures], height, label=system
            )
        axes.set_yticks(
            [number + 0.4 - height / 2 for number in range(len(chosen))], [row.title for row in chosen]
        )
        axes.set_xscale("log")
        axes.set_xlabel(unit)
        axes.invert_yaxis()
        axes.legend()
        files.append(folder / f"{name}.png")
        figure.savefig(files[-1], dpi=120)
        plt.close(figure)
    return files
