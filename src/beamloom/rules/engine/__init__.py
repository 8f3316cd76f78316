"""Works off what is in a ledger."""

from beamloom.rules.engine.current import current, using
from beamloom.rules.engine.engine import RuleEngine
from beamloom.rules.engine.following import Followed
from beamloom.rules.engine.handle import PushedRule

__all__ = ["Followed", "PushedRule", "RuleEngine", "current", "using"]
