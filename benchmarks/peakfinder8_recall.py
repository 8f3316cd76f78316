"""What the peak search finds, by how strong the hits are: fast mode beside exact mode and beside what was put in, and the veto.

Peaks: frames of an Eiger 1M with 60 peaks of one strength each, searched by both modes; a peak is found where one lies within 1.5
pixels. ``recall`` is the share of those that there are, ``precision`` the share of found ones that are there.

Hits: a series of an Eiger 500k, of which half have 25 peaks; a hit is a frame with more than 10 found peaks. Each frame goes through the
veto as packed by the detector, and through fast mode unless it is vetoed.

``--plot FILE`` draws both, ``--json`` prints the figures as one JSON object on the last line; ``--frames`` and ``--series`` say how
many frames of each strength.
"""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

import numpy as np
from peakfinder8 import GAP, SPARSE, Array, Case, Detector, finder_of, frame

from beamloom.apps.crystallography.peaks import LengthVeto, PeakFinder
from beamloom.apps.crystallography.peaks.veto import Verdict
from beamloom.devices.codecs import pack

EIGER_1M: Final = Detector("Eiger 1M", 2, 1)
EIGER_500K: Final = Detector("Eiger 500k", 1, 1)
LEVEL: Final = 0.5
"""Photons per pixel at the beam where peaks are counted; where frames are vetoed a tenth of it."""
PHOTONS: Final = (8, 12, 18, 27, 40, 60, 90, 135, 200, 400, 800)
PHOTONS_OF_HITS: Final = (18, 27, 40, 90)
WARM_UP: Final = 20
"""Blank frames that fast mode has seen before it is judged: its statistics are those of many frames then."""
PEAKS_OF_A_HIT: Final = 25
SHARE_OF_HITS: Final = 1 / 2
MORE_THAN: Final = 10


def matched(found: Array, wanted: Array) -> int:
    """How many of ``wanted`` have one of ``found`` within 1.5 pixels."""
    if not len(found) or not len(wanted):
        return 0
    apart = np.hypot(*(wanted[:, None, :] - found[None, :, :]).transpose(2, 0, 1))
    return int(np.sum(apart.min(axis=1) < 1.5))


def peaks_of(finder: PeakFinder, pixels: Array) -> Array:
    """Rows of ss, fs."""
    found = finder.find(pixels)
    return np.stack([found.ss, found.fs], 1)


def of_peaks(photons: float, frames: int) -> dict[str, float]:
    """Both modes against the truth, and fast mode against exact mode."""
    case = Case(EIGER_1M, "", LEVEL, 60, SPARSE)
    random = np.random.default_rng(int(photons))
    exact, fast = finder_of(case, "exact"), finder_of(case, "fast")
    for _ in range(WARM_UP):
        fast.find(frame(random, case.detector, case.level, [])[0])
    sums = dict.fromkeys(("true", "exact", "fast", "exact in true", "fast in true", "exact in fast"), 0)
    of = dict.fromkeys(("exact", "fast", "fast in exact"), 0)
    for _ in range(frames):
        pixels, truth = frame(random, case.detector, case.level, [photons] * case.peaks)
        truth = truth[pixels[tuple(np.rint(truth).astype(int).T)] != GAP]
        by_exact, by_fast = peaks_of(exact, pixels), peaks_of(fast, pixels)
        sums["true"] += len(truth)
        sums["exact"] += len(by_exact)
        sums["fast"] += len(by_fast)
        sums["exact in true"] += matched(by_exact, truth)
        sums["fast in true"] += matched(by_fast, truth)
        sums["exact in fast"] += matched(by_fast, by_exact)
        of["exact"] += matched(truth, by_exact)
        of["fast"] += matched(truth, by_fast)
        of["fast in exact"] += matched(by_exact, by_fast)
    return {
        "photons": photons,
        "exact recall": sums["exact in true"] / sums["true"],
        "exact precision": of["exact"] / max(1, sums["exact"]),
        "fast recall": sums["fast in true"] / sums["true"],
        "fast precision": of["fast"] / max(1, sums["fast"]),
        "recall of exact": sums["exact in fast"] / max(1, sums["exact"]),
        "precision by exact": of["fast in exact"] / max(1, sums["fast"]),
    }


def of_hits(photons: float, frames: int) -> dict[str, float]:
    """The veto in a series of frames; what it had to learn before it vetoed is left out."""
    case = Case(EIGER_500K, "", LEVEL / 10, PEAKS_OF_A_HIT, SPARSE)
    random = np.random.default_rng(int(photons))
    finder, veto = finder_of(case, "fast"), LengthVeto(wanted_recall=0.99, audited_share=0.05)
    hits = found = found_without = blanks = spared = 0
    for _ in range(frames):
        is_hit = random.random() < SHARE_OF_HITS
        pixels, _ = frame(random, case.detector, case.level, [photons] * case.peaks * is_hit)
        judged = veto.limit > -np.inf
        verdict = veto.look(pack(pixels, "bslz4"))
        seen = len(finder.find(pixels).fs) > MORE_THAN
        if verdict is not Verdict.VETO:
            veto.learn(seen)
        if judged:
            hits += is_hit
            found_without += is_hit and seen
            found += is_hit and seen and verdict is not Verdict.VETO
            blanks += not is_hit
            spared += not is_hit and verdict is Verdict.VETO
    told = veto.recall()
    return {
        "photons": photons,
        "hits found": found_without / hits if hits else np.nan,
        "kept by the veto": found / found_without if found_without else np.nan,
        "told": told.estimate if hits else np.nan,
        "told low": told.low if hits else np.nan,
        "told high": told.high if hits else np.nan,
        "blanks spared": spared / blanks if blanks else np.nan,
    }


def table(rows: list[dict[str, float]]) -> str:
    """As in the documentation."""
    names = list(rows[0])
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    for row in rows:
        cells = [f"{row['photons']:.0f}"]
        cells += ["" if np.isnan(row[name]) else f"{100 * row[name]:.1f} %" for name in names[1:]]
        lines.append(" | ".join(cells))
    return "\n".join(f"| {line} |" for line in lines)


def draw(peaks: list[dict[str, float]], hits: list[dict[str, float]], path: str) -> None:
    """The figure, in the format that the ending of ``path`` says."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained", sharey=True)
    for axes, rows, title in ((left, peaks, "peaks"), (right, hits, "hits and the veto")):
        for name in list(rows[0])[1:]:
            style = ":" if name.startswith("told ") else "s--" if "precision" in name else "o-"
            axes.plot(
                [row["photons"] for row in rows], [row[name] for row in rows], style, label=name, alpha=0.7
            )
        axes.set(xscale="log", xlabel="photons in a peak", title=title, ylim=(0, 1.02))
        axes.legend()
    left.set_ylabel("share")
    figure.savefig(path)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=40, help="in which peaks are counted")
    parser.add_argument("--series", type=int, default=1400, help="frames that go through the veto")
    parser.add_argument("--plot", metavar="FILE")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    report: dict[str, Any] = {"peaks": [of_peaks(photons, arguments.frames) for photons in PHOTONS]}
    print(table(report["peaks"]), flush=True)
    report["hits"] = [of_hits(photons, arguments.series) for photons in PHOTONS_OF_HITS]
    print(f"\n{table(report['hits'])}")
    if arguments.plot:
        draw(report["peaks"], report["hits"], arguments.plot)
    if arguments.json:
        print(json.dumps(report))


if __name__ == "__main__":
    main()
