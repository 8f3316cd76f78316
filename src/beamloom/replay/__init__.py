"""Replay: an analysis run over recordings, in this process, by the services that run it live."""

from beamloom.replay._audience import Audience
from beamloom.replay._replay import Replay, replay
from beamloom.replay._report import ReplayReport, Standing
from beamloom.replay._survey import NothingRecorded

__all__ = ["Audience", "NothingRecorded", "Replay", "ReplayReport", "Standing", "replay"]
