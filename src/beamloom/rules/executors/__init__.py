"""Who works off chunks."""

from beamloom.rules.executors.executor import Executor
from beamloom.rules.executors.local import LocalPool

__all__ = ["Executor", "LocalPool"]
