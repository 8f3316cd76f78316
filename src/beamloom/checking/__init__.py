"""Tries whether an analysis keeps what the pipeline relies on: the same result in any order, with any number of workers."""

from beamloom.checking.checking import Check, Question
from beamloom.checking.findings import Finding, Findings
from beamloom.checking.text import lines

__all__ = ["Check", "Finding", "Findings", "Question", "lines"]
