"""A result that does not change any more, into one place."""

from __future__ import annotations

import time

import msgspec

from beamloom.results.covered import with_coverage
from beamloom.results.files.nexus import nexus_file
from beamloom.results.files.place import Place
from beamloom.results.record import RunRecord
from beamloom.results.snapshot import Snapshot
from beamloom.results.tree import tree_of


def keep_once(place: Place, record: RunRecord, last: Snapshot) -> str:
    """Keep the last version of a run; returns where it is. Raises OSError or UserError."""
    tree = tree_of(last.publish or {})
    if last.coverage is not None:
        record = msgspec.structs.replace(record, coverage=last.coverage.to_json())
        tree = with_coverage(tree, last.coverage)
    try:
        place.keep(nexus_file(tree, record, last.version, time.time()), last=True)
    finally:
        place.close()
    return place.where
