"""Works off what is in a ledger."""

from beamloom.rules.engine.current import current, using
from beamloom.rules.engine.engine import RuleEngine
from beamloom.rules.engine.following import Followed
from beamloom.rules.engine.handle import PushedRule
from beamloom.rules.engine.lock import FolderInUse

__all__ = ["FolderInUse", "Followed", "PushedRule", "RuleEngine", "current", "using"]
