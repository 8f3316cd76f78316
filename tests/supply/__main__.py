"""What is given away, looked at from outside: ``make supply ARGS="--python python3.12 --extras arrow,dask"``.

Builds the archive of the sources and, of it, the wheel; installs the wheel in empty environments in a temporary folder: of each Python
without extras, and with each extra alone. The exit status is 1 when anything is not as it should be.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from supply.distributions import Distributions, build
from supply.extras import PLAIN, look_at
from supply.outside import look_from_outside
from supply.pythons import find
from supply.rooms import Refused
from supply.uses import USES

CHECKOUT = Path(__file__).resolve().parents[2]
PYTHONS = ("python3.11", "python3.12", "python3.13")


def main(words: Sequence[str] | None = None) -> int:
    """Look at what was asked for."""
    asked = _parser().parse_args(words)
    extras = [PLAIN, *USES] if asked.extras == "all" else [name for name in asked.extras.split(",") if name]
    if unknown := sorted(set(extras) - {PLAIN, *USES}):
        print(f"there is no extra {', '.join(unknown)}; there are {', '.join(USES)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="beamloom-supply-") as temporary:
        folder = Path(temporary)
        try:
            given = build(CHECKOUT, folder / "dist")
        except Refused as refused:
            print(f"FAILED to build: {refused}")
            return 1
        for path in given:
            print(f"built {path.name}, {path.stat().st_size / 1e6:.1f} MB", flush=True)
            if asked.keep is not None:
                asked.keep.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, asked.keep)
        failed = [name for name in asked.python.split(",") if name and not _outside(given, folder, name)]
        failed += [name for name in extras if not _alone(name, given, folder, asked.extras_python)]
    print(f"FAILED: {', '.join(failed)}" if failed else "everything is as it should be")
    return 1 if failed else 0


def _outside(given: Distributions, folder: Path, python: str) -> bool:
    found = find(python)
    if found is None:
        print(f"{python}: skipped, as there is none here", flush=True)
        return True
    try:
        for line in look_from_outside(given, folder / python.replace("/", "-"), found):
            print(f"{python}: {line}", flush=True)
    except Refused as refused:
        print(f"{python}: FAILED: {refused}", flush=True)
        return False
    return True


def _alone(extra: str, given: Distributions, folder: Path, python: str) -> bool:
    place = folder / f"extra-{extra}"
    installed = look_at(extra, given.wheel, CHECKOUT / "constraints.txt", place, python)
    print(f"| {extra} | {installed.megabytes:.0f} MB | {installed.modules} modules |", flush=True)
    for problem in installed.problems:
        print(f"  FAILED: {problem}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    return not installed.problems


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make supply", description=__doc__)
    parser.add_argument(
        "--python", default=",".join(PYTHONS), help="Pythons to look with, with commas between (%(default)s)"
    )
    parser.add_argument(
        "--extras",
        default="all",
        help=f"extras to install alone, with commas between; {PLAIN} is the plain one (%(default)s)",
    )
    parser.add_argument(
        "--extras-python", default=sys.executable, help="the Python of their environments (that of .venv)"
    )
    parser.add_argument("--keep", type=Path, help="a folder into which what was built is copied")
    return parser


if __name__ == "__main__":
    sys.exit(main())
