"""What the demo tells at its end: the maps beside the truth, how well they agree, and whether everything arrived."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

from beamloom.demo.check import LARGEST_DEVIATION, LEAST_CORRELATION, Agreement, agreement
from beamloom.demo.live import Moment
from beamloom.demo.pictures import GAP, Style
from beamloom.demo.sample import Picture
from beamloom.demo.screen import maps_text


@dataclass(frozen=True)
class Outcome:
    """The end of a run, and what it should have come to."""

    moment: Moment
    truth: Mapping[str, Picture]
    """Expected counts by element."""

    @property
    def agreements(self) -> list[Agreement]:
        """Each element's map against the truth."""
        return [agreement(element, self.moment.maps[element], truth) for element, truth in self.truth.items()]

    @property
    def passed(self) -> bool:
        """Whether every event was reduced and every map is that of the sample."""
        return self.moment.whole and all(one.good for one in self.agreements)

    @property
    def brightest(self) -> dict[str, float]:
        """The counts at the top of each element's scale."""
        return {element: float(truth.max()) for element, truth in self.truth.items()}


def report(outcome: Outcome, style: Style) -> str:
    """All of it, in lines that fit 80 columns, or on wide terminals with the truth beside the maps."""
    measured = maps_text(outcome.moment.maps, outcome.brightest, style, title="measured")
    truth = maps_text(outcome.truth, outcome.brightest, style, title="truth")
    width = sum(picture.shape[1] + len(GAP) for picture in outcome.truth.values())
    if shutil.get_terminal_size().columns >= 2 * width:
        pictures = [GAP.join(pair) for pair in zip(measured, truth, strict=True)]
    else:
        pictures = [*measured, "", *truth]
    return "\n".join(
        [
            *pictures,
            "",
            *map(_line, outcome.agreements),
            "",
            ledger_sentence(outcome.moment),
            verdict(outcome),
        ]
    )


def ledger_sentence(moment: Moment) -> str:
    """What became of the events."""
    return f"{moment.total} events: {moment.reduced} reduced, {moment.failed} failed, {moment.lost} lost"


def verdict(outcome: Outcome) -> str:
    """Whether all is well, and if not, why."""
    if outcome.passed:
        return "The maps are those of the sample: what differs is the noise of counting."
    bad = [one.element for one in outcome.agreements if not (one.alike or isnan(one.largest_deviation))]
    reasons = []
    if not outcome.moment.whole:
        reasons.append("not every event was reduced")
    elif any(one.missing for one in outcome.agreements):
        reasons.append("points are missing from the maps")
    if bad:
        reasons.append(f"{' and '.join(bad)} differ from the sample by more than the noise of counting")
    return f"The check failed: {', and '.join(reasons)}."


def _line(one: Agreement) -> str:
    if isnan(one.largest_deviation):
        return f"{one.element}  none of its {one.missing} points was measured"
    limits = "" if one.good else f" (at least {LEAST_CORRELATION}, at most {LARGEST_DEVIATION:g} sigma)"
    missing = f", {one.missing} points missing" if one.missing else ""
    return (
        f"{one.element}  correlation with the truth {one.correlation:.4f}, "
        f"largest deviation {one.largest_deviation:.1f} sigma{missing}{limits}"
    )


def how_to_go_on(record: str | None) -> str:
    """Commands for those who want to see more; ``record`` is the folder that this scan was recorded into."""
    folder = shlex.quote(record or "demo-scan")
    replay = (
        f"  beamloom replay -f {folder}/*.cbors \\\n"
        "      -w beamloom.demo.analysis:Worker -r beamloom.demo.analysis:Reducer"
    )
    lines = ["Go on:", "  # look at the map in a browser or a notebook", "  beamloom demo --keep"]
    if record:
        lines += ["  # run the analysis again, over the recording", replay]
    else:
        lines += [
            "  # record the scan, and run the analysis again over the recording",
            f"  beamloom demo --record {folder}",
            replay,
        ]
    return "\n".join(lines)
