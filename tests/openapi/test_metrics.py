"""Figures as Prometheus reads them."""

from __future__ import annotations

import math
import re

from beamloom.metrics import Figure, flattened, page

LABEL = r'[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*"'
LINE = re.compile(rf"[a-zA-Z_]\w*(\{{{LABEL}(,{LABEL})*\}})? (NaN|[+-]Inf|-?[0-9.e+-]+)")


def test_figures_of_one_name_stand_together_below_what_they_are() -> None:
    figures = [
        Figure("events", 3, {"outcome": "lost"}, "What became of them."),
        Figure("rate", 0.5),
        Figure("events", 4, {"outcome": "reduced"}),
    ]
    assert page(figures) == (
        "# HELP events What became of them.\n# TYPE events gauge\n"
        'events{outcome="lost"} 3\nevents{outcome="reduced"} 4\n# TYPE rate gauge\nrate 0.5\n'
    )


def test_hostile_names_stay_within_their_quotes() -> None:
    hostile = 'a"} 1\nfaked{x="\\'
    lines = page([Figure("n-1 ", 1, {"la bel": hostile}, hostile)]).splitlines()
    assert len(lines) == 3
    assert LINE.fullmatch(lines[2])
    assert lines[2].startswith("n_1_{la_bel=")


def test_numbers_without_a_size_are_written_as_prometheus_has_them() -> None:
    for value, text in (
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (1e300, "1e+300"),
        (0.1, "0.1"),
    ):
        assert page([Figure("n", value)]).splitlines()[-1] == f"n {text}"


def test_the_numbers_of_nested_mappings_are_found() -> None:
    told = {"run": "r1", "version": 3, "journal": {"bytes": 10, "keeps": True, "alarm": None}, "files": ["a"]}
    found = {figure.name: figure.value for figure in flattened("r", told)}
    assert found == {"r_version": 3, "r_journal_bytes": 10, "r_journal_keeps": 1}
