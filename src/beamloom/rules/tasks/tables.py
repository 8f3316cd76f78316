"""Writes what a function returned for all chunks: rows of tables one after the other, and values as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from beamloom.apps.localization import write_table
from beamloom.rules.errors import RuleRefused
from beamloom.rules.provenance import provenance
from beamloom.rules.tasks.chunk import Gathered


def gather(gathered: Gathered, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the output ``results``: .parquet, .h5 or .npy for tables, .json for values in the order of the chunks; how many there are.

    Raises RuleRefused where the file's ending does not fit what the function has returned.
    """
    path = gathered.desk.write("results")
    table, values = gathered.table(), [value for value in gathered.values() if value is not None]
    about = {
        **{name: one for name, one in gathered.metadata.items() if isinstance(one, str | int | float | bool)},
        **provenance("function", parameters),
        "frames": gathered.frames,
        "missing_frames": [list(missing) for missing in gathered.failed],
    }
    ending = path.suffix.lower()
    if ending == ".json" and table is None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode({"values": values, "about": about})))
        return {"values": len(values), "frames": gathered.frames}
    if ending == ".json" or (values and table is None):
        what = (
            "tables, which are written as .parquet, .h5 or .npy"
            if ending == ".json"
            else "values, which are written as .json"
        )
        raise RuleRefused(
            f"the function returns {what}; give 'results' such a file, and not {Path(path).suffix or 'one without ending'!r}"
        )
    rows = np.zeros(0, [("frame", "i8")]) if table is None else table
    if ending == ".npy":
        with open(path, "wb") as file:
            np.save(file, rows, allow_pickle=False)
    else:
        write_table(path, rows, about)
    return {"rows": len(rows), "frames": gathered.frames}
