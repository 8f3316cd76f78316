"""The durable account of all rules."""

from beamloom.rules.ledger.ledger import Candidate, Ledger
from beamloom.rules.ledger.outputs import Output, Unpublished
from beamloom.rules.ledger.steps import Settled
from beamloom.rules.ledger.views import ErrorGroup, StepView

__all__ = ["Candidate", "ErrorGroup", "Ledger", "Output", "Settled", "StepView", "Unpublished"]
