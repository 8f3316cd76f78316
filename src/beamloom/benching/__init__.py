"""Measures a user's own pipeline: where its time goes, what bounds its rate, and what other numbers of workers would give."""

from beamloom.benching.benching import Bench, Question
from beamloom.benching.capacity import Capacity
from beamloom.benching.findings import Findings
from beamloom.benching.predicting import from_recording, from_running
from beamloom.benching.text import capacity_lines, lines

__all__ = [
    "Bench",
    "Capacity",
    "Findings",
    "Question",
    "capacity_lines",
    "from_recording",
    "from_running",
    "lines",
]
