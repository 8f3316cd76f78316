"""Measures a user's own pipeline: where its time goes, what bounds its rate, and what one more worker would give."""

from beamloom.benching.benching import Bench, Question
from beamloom.benching.findings import Findings
from beamloom.benching.text import lines

__all__ = ["Bench", "Findings", "Question", "lines"]
