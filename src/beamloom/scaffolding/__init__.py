"""Writes the repository of a new analysis: worker, reducer, parameters, pipeline file, and a test that passes."""

from beamloom.scaffolding.writing import NewAnalysis, write_analysis

__all__ = ["NewAnalysis", "write_analysis"]
