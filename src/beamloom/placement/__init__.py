"""Where the processes of a pipeline run; here: all on this machine, under one supervisor."""

from beamloom.placement.children import ProcessSpec
from beamloom.placement.layout import Layout, layout_of
from beamloom.placement.local import LocalPlacement, PlacementError
from beamloom.placement.processes import ProcessStatus, RestartPolicy, State
from beamloom.placement.screen import PlainScreen, Screen, TableScreen, screen_on

__all__ = [
    "Layout",
    "LocalPlacement",
    "PlacementError",
    "PlainScreen",
    "ProcessSpec",
    "ProcessStatus",
    "RestartPolicy",
    "Screen",
    "State",
    "TableScreen",
    "layout_of",
    "screen_on",
]
