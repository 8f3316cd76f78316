"""Localizes in a chunk of frames, and writes the table of a whole series."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from beamloom.apps.localization import LOCALIZATION, Settings, localize, write_table
from beamloom.rules.arrays import Array
from beamloom.rules.errors import RuleRefused
from beamloom.rules.metadata import as_values, entries, settings
from beamloom.rules.provenance import provenance
from beamloom.rules.tasks.chunk import Chunk, Gathered


def prepare(parameters: Mapping[str, Any]) -> None:
    """Loads the compiled functions, by finding one spot in small frames."""
    chosen = settings(parameters["analysis"])
    side = 2 * chosen.half + 16
    frames = np.full((3, side, side), 100, np.uint16)
    frames[:, side // 2, side // 2] = 1000
    localize(frames, chosen)
    localize(frames, dataclasses.replace(chosen, background=1), before=1, after=1)


def localise(chunk: Chunk, parameters: Mapping[str, Any]) -> Array:
    """The localizations of the chunk, a table of the type ``LOCALIZATION``."""
    if chunk.stop <= parameters["start_at"]:
        return np.empty(0, LOCALIZATION)
    chosen = _settings(chunk, parameters)
    if chosen.background > parameters["halo"]:
        raise RuleRefused(
            f"the series itself asks for a background of {chosen.background} frames, which was not known when the rule was pushed; push it "
            "when the series has begun, or give localize.background in the analysis metadata"
        )
    inside, numbers = chunk.inside, chunk.numbers
    table = localize(
        chunk.frames,
        chosen,
        first_frame=int(numbers[0]),
        before=inside.start,
        after=len(numbers) - inside.stop,
    )
    wanted: Array = table[table["frame"] >= parameters["start_at"]]
    return wanted


def gather(gathered: Gathered, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Writes the table of all chunks, with how it was made; how many localizations there are, and what is missing."""
    found = gathered.table()
    table = np.empty(0, LOCALIZATION) if found is None else found
    chosen = _settings(gathered, parameters)
    about = {
        **_plain(gathered.metadata),
        **parameters["analysis"],
        **provenance("LocalisationRule", as_values(chosen)),
        "frames": gathered.frames,
        "missing_frames": [list(range_) for range_ in gathered.failed],
    }
    write_table(gathered.desk.write("results"), table, about, settings=chosen)
    return {"localizations": len(table), "frames": gathered.frames}


def _settings(task: Chunk | Gathered, parameters: Mapping[str, Any]) -> Settings:
    """What the series says, and before it what the rule says; a series has its metadata before its first frame."""
    return settings({**entries(task.metadata), **parameters["analysis"]})


def _plain(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in metadata.items() if isinstance(value, str | int | float | bool | list)
    }
