"""The name of a file of results, from a template: ``results/{date}/{run}.h5``."""

from __future__ import annotations

import datetime as dt
import re
import string
from collections.abc import Mapping
from pathlib import Path

from beamloom.errors import UsageError, did_you_mean

FIELDS: Mapping[str, str] = {
    "run": "the id of the run",
    "date": "the day on which the run began, as 2026-01-31",
    "time": "when it began, as 134501",
    "name": "the name of the reducer",
}
"""What may stand in braces."""
HDF5_ENDINGS = (".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".nx5")
ZARR_ENDING = ".zarr"


def check_template(template: str, setting: str = "autosave") -> None:
    """Raises UsageError, saying what is wrong with the template of a setting."""
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise UsageError(
            f"{setting}: {template!r} is no template ({error}); write results/{{run}}.h5"
        ) from None
    for field in fields:
        if field not in FIELDS:
            known = ", ".join(f"{{{name}}}" for name in FIELDS)
            raise UsageError(
                f"{setting}: {{{field}}} in {template!r} is not known{did_you_mean(field, FIELDS)}; there are {known}"
            )


def check_file(template: str) -> None:
    """Raises UsageError for a template that is wrong, or that does not tell a format that can be written."""
    check_template(template)
    if not template.lower().endswith((*HDF5_ENDINGS, ZARR_ENDING)):
        raise UsageError(
            f"autosave: {template!r} does not say in which format; let it end in .h5 or .nxs, which are HDF5, or in .zarr"
        )


def name_of_run(template: str, run: str, started: float, name: str = "") -> str:
    """The name for a run that began at ``started`` (Unix time, s); days and times are those of this machine's clock."""
    began = dt.datetime.fromtimestamp(started).astimezone()
    values = {
        "run": run,
        "date": began.strftime("%Y-%m-%d"),
        "time": began.strftime("%H%M%S"),
        "name": name,
    }
    safe = {field: re.sub(r"[^\w.+-]", "_", value) for field, value in values.items()}
    return template.format_map(safe)


def file_of_run(template: str, run: str, started: float, name: str = "") -> Path:
    """The same as a path; ``~`` is the home of the user."""
    return Path(name_of_run(template, run, started, name)).expanduser()
