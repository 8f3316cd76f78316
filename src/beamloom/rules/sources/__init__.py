"""Series of frames that rules read."""

from beamloom.rules.sources.opening import describe, open_source
from beamloom.rules.sources.source import OfEvents, Source
from beamloom.rules.sources.spool import SpoolWriter

__all__ = ["OfEvents", "Source", "SpoolWriter", "describe", "open_source"]
