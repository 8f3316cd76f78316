"""How many small harms to the engine its tests notice: mutants by mutmut, a sample of them, drawn by a seed.

    python benchmarks/mutants.py [--sample 300] [--seed 13] [--only NAME ...] [--processes 1] [--page docs/reference/tests.md]

mutmut (`pip install --group measuring`, which `make mutants` does) makes every mutant that it knows of each function of `beamloom.engine`.
For each one in the sample those tests run that reach its function, the fastest first, until one fails; which tests are asked is written in
pyproject.toml. Property tests look at few examples meanwhile (tests/support/few_examples.py). Whoever is not noticed is shown with what is
changed. Everything is made in out/mutants.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from page import put

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "out" / "mutants"
MUTMUT = Path(sys.executable).with_name("mutmut")
NO_MUTANT = "none of them"
SAMPLE = 300
SEED = 13
BY_EXIT_CODE = {
    0: "survived",
    33: "without a test",
    5: "without a test",
    -24: "too slow",
    24: "too slow",
    36: "too slow",
    152: "too slow",
    255: "too slow",
}
"""How mutmut's processes end; every other way is a test that failed, or a process that died."""
NOTICED = ("killed", "too slow")
CERTAINTY = 1.96
"""Standard deviations on each side of an interval of 95 %."""


def main() -> int:
    """Make the mutants, try those that were drawn, show what was not noticed."""
    parser = _parser()
    asked = parser.parse_args()
    if asked.sample < 1:
        parser.error(f"--sample is {asked.sample}; at least one mutant has to be tried")
    if not MUTMUT.exists():
        raise SystemExit(
            "needs mutmut; run `make mutants`, which installs it, or: pip install --group measuring"
        )
    _lay_out()
    print(
        "making the mutants, and finding out which tests reach which function; this takes minutes", flush=True
    )
    # Asked for a mutant that there is not, it does no more than that, and complains.
    prepared = _mutmut(
        "run", "--max-children", str(asked.processes), NO_MUTANT, capture_output=True, text=True
    )
    if NO_MUTANT not in prepared.stderr:
        print(prepared.stdout, prepared.stderr, sep="\n", file=sys.stderr)
        raise SystemExit(
            "mutmut did not come to the mutants; do the tests that it is to ask (pyproject.toml) pass without any?"
        )
    all_of_them = sorted(_exit_codes())
    random.Random(asked.seed).shuffle(all_of_them)  # so that a larger sample contains the smaller one
    drawn = asked.only or all_of_them[: asked.sample]
    if unknown := set(drawn) - set(all_of_them):
        raise SystemExit(f"there is no mutant {min(unknown)}; they are called like {all_of_them[0]}")
    if _mutmut("run", "--max-children", str(asked.processes), *drawn).returncode != 0:
        raise SystemExit("mutmut did not come to its end; what it says stands above")
    codes = _exit_codes()
    ends = {name: BY_EXIT_CODE.get(codes[name], "killed") for name in sorted(drawn)}
    for name, end in ends.items():
        if end not in NOTICED:
            print(f"\n{end}: {name}", flush=True)
            _mutmut("show", name)
    _tell(ends, len(all_of_them), asked)
    return 0


def interval(noticed: int, tried: int) -> tuple[float, float]:
    """Between which shares the true one lies with a certainty of 95 %, after Wilson (1927)."""
    share, z2 = noticed / tried, CERTAINTY**2
    middle = (share + z2 / (2 * tried)) / (1 + z2 / tried)
    half = CERTAINTY / (1 + z2 / tried) * math.sqrt(share * (1 - share) / tried + z2 / (4 * tried**2))
    return middle - half, middle + half


def _lay_out() -> None:
    """A folder in which mutmut finds the project as it is, and where it may write. What it made of files that stay the same stays."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(FOLDER / "mutants" / "tests", ignore_errors=True)
    for name in ("src", "tests", "pyproject.toml"):
        (FOLDER / name).unlink(missing_ok=True)
        (FOLDER / name).symlink_to(ROOT / name)


def _mutmut(*words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CI": "1", "PYTHONPATH": str(ROOT / "tests")}
    return subprocess.run([str(MUTMUT), *words], cwd=FOLDER, env=environment, check=False, **how)


def _exit_codes() -> dict[str, int]:
    """How the tests of each mutant ended."""
    codes: dict[str, int] = {}
    for notes in (FOLDER / "mutants" / "src").rglob("*.meta"):
        codes |= json.loads(notes.read_text())["exit_code_by_key"]
    return codes


def _tell(ends: dict[str, str], made: int, asked: argparse.Namespace) -> None:
    counts = Counter(ends.values())
    noticed = sum(counts[end] for end in NOTICED)
    low, high = interval(noticed, len(ends))
    note = (
        f"{len(ends)} of {made:,} mutants, drawn with the seed {asked.seed}: {noticed / len(ends):.1%} were noticed; with a certainty of "
        f"95 % it is {low:.1%} to {high:.1%} of all."
    )
    print(f"\n{dict(counts)}\n{note}")
    if asked.page is not None and not asked.only:
        rows = [[end, f"{count:,}", f"{count / len(ends):.1%}"] for end, count in counts.most_common()]
        put(asked.page, "mutants", ["mutants of the engine", "how many", "share"], rows, note)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Harm the engine in small ways and see whether its tests notice."
    )
    parser.add_argument("--sample", type=int, default=SAMPLE, help="how many mutants to try")
    parser.add_argument("--seed", type=int, default=SEED, help="draws the sample")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="try these mutants instead, as mutmut names them"
    )
    parser.add_argument("--processes", type=int, default=1, help="how many mutants to try at the same time")
    parser.add_argument(
        "--page", type=Path, metavar="FILE", help="page of the documents that gets the table of a sample"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
