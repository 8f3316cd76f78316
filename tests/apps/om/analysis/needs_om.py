"""A module that imports OM, which is not a part of this."""

from om.lib.parameters import MonitorParameters  # type: ignore[import-not-found]

__all__ = ["MonitorParameters"]
