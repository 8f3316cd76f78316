"""Moving over: reads a repository of an existing analysis, runs its recordings, and offers shorter forms that give the same."""

from beamloom.migrating.migration import Wish, apply, migrate
from beamloom.migrating.told import Change, Migration, Remark, Replayed

__all__ = ["Change", "Migration", "Remark", "Replayed", "Wish", "apply", "migrate"]
