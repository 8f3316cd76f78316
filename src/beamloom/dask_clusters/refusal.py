"""What cannot be a cluster."""

from __future__ import annotations

from beamloom.errors import UsageError


class ClusterRefused(UsageError):
    """A cluster that cannot be, as it is described; the text says why."""
