"""The pipeline as seen from a notebook or a script: ``beamloom.connect("http://127.0.0.1:5000")``.

It speaks HTTP with controller and reducer as any other client does, and needs nothing else of them.
"""

from beamloom.client._feedback import Feedback
from beamloom.client._parameters import PipelineParameters
from beamloom.client._pipeline import Pipeline, connect
from beamloom.client._result import Dataset, Group
from beamloom.client._rules import Chain, Rules
from beamloom.client._rules_told import ChainStatus, RuleChunk, StepStatus
from beamloom.client._run import Coverage, Failed, Failure, Lost, Progress, RunSummary, Settled
from beamloom.client._update import CodeUpdated
from beamloom.client._watch import Follower, Version
from beamloom.client._workers import WorkersChanged

__all__ = [
    "Chain",
    "ChainStatus",
    "CodeUpdated",
    "Coverage",
    "Dataset",
    "Failed",
    "Failure",
    "Feedback",
    "Follower",
    "Group",
    "Lost",
    "Pipeline",
    "PipelineParameters",
    "Progress",
    "RuleChunk",
    "Rules",
    "RunSummary",
    "Settled",
    "StepStatus",
    "Version",
    "WorkersChanged",
    "connect",
]
