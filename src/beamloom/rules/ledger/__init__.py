"""The durable account of all rules."""

from beamloom.rules.ledger.history import ChunkState, ChunkView, RunView
from beamloom.rules.ledger.ledger import Candidate, Ledger
from beamloom.rules.ledger.outputs import Output, Unpublished
from beamloom.rules.ledger.steps import Settled
from beamloom.rules.ledger.views import ErrorGroup, StepView

__all__ = [
    "Candidate",
    "ChunkState",
    "ChunkView",
    "ErrorGroup",
    "Ledger",
    "Output",
    "RunView",
    "Settled",
    "StepView",
    "Unpublished",
]
