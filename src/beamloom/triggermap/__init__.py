"""Trigger maps: which stream has a packet for which event, and which virtual workers must see it."""

from beamloom.triggermap._builders import batched, burst, open_ended, overlapping, sparse, uniform
from beamloom.triggermap._compiled import MIXED, NOBODY, CompiledPart
from beamloom.triggermap._expand import expand
from beamloom.triggermap._map import Instance, Place, TriggerMap
from beamloom.triggermap._model import RESERVED_PART, Cell, CellKind, Repeat, TriggerMapError, VirtualWorker
from beamloom.triggermap._part import Column, Part, Slot
from beamloom.triggermap._table import Shown, render, show, summary
from beamloom.triggermap._window import Cells, Excerpt, cells, excerpts

__all__ = [
    "MIXED",
    "NOBODY",
    "RESERVED_PART",
    "Cell",
    "CellKind",
    "Cells",
    "Column",
    "CompiledPart",
    "Excerpt",
    "Instance",
    "Part",
    "Place",
    "Repeat",
    "Shown",
    "Slot",
    "TriggerMap",
    "TriggerMapError",
    "VirtualWorker",
    "batched",
    "burst",
    "cells",
    "excerpts",
    "expand",
    "open_ended",
    "overlapping",
    "render",
    "show",
    "sparse",
    "summary",
    "uniform",
]
