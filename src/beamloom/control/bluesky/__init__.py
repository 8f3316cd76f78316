"""Bluesky and a pipeline: documents become streams, scans become runs, and plans hear what the analysis has to say.

It needs ``pip install 'beamloom[bluesky]'`` where the RunEngine is; the pipeline needs nothing of it.
"""

from beamloom.control.bluesky.live_analysis import LiveAnalysis
from beamloom.control.bluesky.plans import Steered, next_feedback, position_of, steered_scan
from beamloom.control.bluesky.preprocessors import live_analysis_decorator, live_analysis_wrapper

__all__ = [
    "LiveAnalysis",
    "Steered",
    "live_analysis_decorator",
    "live_analysis_wrapper",
    "next_feedback",
    "position_of",
    "steered_scan",
]
