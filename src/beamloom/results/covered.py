"""The coverage of a result as attributes of its datasets, so that whoever has one of them can tell whether it is complete.

``coverage`` is text, such as ``0-99,101-499``: what a result type publishes has the events that were added to it, everything else
those of the run. ``coverage_complete`` says whether nothing is missing, and is the same for all: where every event of the run has been
reduced, an event that is not in a result type had nothing to add to it, as the start of a series has nothing for an image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from beamloom.engine.accounts.coverage import Coverage, ranges_text
from beamloom.engine.ranges import RangeSet
from beamloom.results.tree import Attributes, Dataset, Group, Node, attributes_of

TEXT, COMPLETE = "coverage", "coverage_complete"
NAMES = frozenset({TEXT, COMPLETE})


def with_coverage(tree: Group, coverage: Coverage) -> Group:
    """The same tree with these attributes on every dataset; those that the analysis gave itself are kept."""
    return _group(tree, attributes_of({TEXT: coverage.text, COMPLETE: coverage.complete}), coverage)


def _group(group: Group, inherited: Attributes, coverage: Coverage) -> Group:
    own = _own(group, coverage)
    given = inherited if own is None else own
    children: dict[str, Node] = {}
    for name, child in group.children.items():
        if isinstance(child, Group):
            children[name] = _group(child, given, coverage)
        else:
            children[name] = Dataset(child.values, {**given, **child.attributes})
    return Group(children, group.attributes if own is None else {**own, **group.attributes})


def _own(group: Group, coverage: Coverage) -> Attributes | None:
    """Those of a result type, which publishes its ranges beside its values."""
    ranges = group.children.get("coverage")
    if not isinstance(ranges, Dataset) or "long_name" not in ranges.attributes or ranges.values is None:
        return None
    if len(ranges.values.shape) != 2 or ranges.values.shape[1] != 2 or ranges.values.dtype.kind not in "iu":
        return None
    rows: list[Any] = np.asarray(ranges.values[...]).tolist()
    events = RangeSet((first, stop) for first, stop in rows)
    return attributes_of({TEXT: ranges_text(events), COMPLETE: coverage.complete})
