"""Where the files of a run's recording lie, and how they are found again.

One run leaves, with the same prefix and run id::

    <prefix><ingester name>-<run>.cbors    the packets of each ingester
    <prefix>mapping-<run>.json             the trigger map, as ``POST /api/v1/sequence`` takes it
    <prefix>parameters-<run>.json|.cbor    the parameters at the start; CBOR where a value is no text
    <prefix>detectors-<run>.json           the geometry of detectors whose tiles are streams of their own; where there are any
    <prefix>epochs-<run>.json              every parameter set and the event from which on it holds
    <prefix>ended-<run>.json               when the run ended, once it has: no event is added any more
    <prefix>analysis-<run>.json            the classes that the run was analysed with

The prefix is joined as it is: ``/data/scan_`` starts the names, ``/data/scan/`` is a folder.
"""

from __future__ import annotations

import base64
import binascii
import glob
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cbor2
import msgspec

from beamloom.detectors.geometry import Detector, Detectors, check_geometry
from beamloom.errors import UsageError
from beamloom.whole_files import write_whole

_RUN_AT_END = re.compile(
    r"-([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
    r"(\.(cbors|pkls|cbor))?(\.gz)?(\.part)?$"
)
"""A recording's run id: the uuid that ends the stem of its name."""


@dataclass(frozen=True)
class RecordedEpoch:
    """A parameter set as it was recorded: its values hold from ``first_event`` on."""

    epoch: int
    first_event: int
    parameters: dict[str, bytes]


@dataclass(frozen=True)
class Companions:
    """What lies beside a recording and belongs to the same run; None for what is not there."""

    map_path: Path | None = None
    parameters_path: Path | None = None
    epochs_path: Path | None = None
    run: str | None = None
    detectors_path: Path | None = None


@dataclass(frozen=True)
class RecordingNames:
    """The names of one run's files."""

    prefix: str
    run: str

    def packets(self, ingester: str, *, compressed: bool = False) -> Path:
        """Recording of one ingester."""
        return self._path(ingester, ".cbors.gz" if compressed else ".cbors")

    @property
    def mapping(self) -> Path:
        """The trigger map."""
        return self._path("mapping", ".json")

    @property
    def parameters_text(self) -> Path:
        """The parameters, where all values are text."""
        return self._path("parameters", ".json")

    @property
    def parameters_binary(self) -> Path:
        """The parameters, where a value is not text."""
        return self._path("parameters", ".cbor")

    @property
    def epochs(self) -> Path:
        """The parameter epochs."""
        return self._path("epochs", ".json")

    @property
    def detectors(self) -> Path:
        """The geometry of detectors."""
        return self._path("detectors", ".json")

    @property
    def ended(self) -> Path:
        """That the run has ended."""
        return self._path("ended", ".json")

    @property
    def analysis(self) -> Path:
        """The classes of the analysis."""
        return self._path("analysis", ".json")

    def _path(self, part: str, ending: str) -> Path:
        return Path(f"{self.prefix}{part}-{self.run}{ending}")


def find_companions(recording: str | Path) -> Companions:
    """The files of the same run beside a recording, found by the run id and the prefix in its name."""
    recording = Path(recording)
    match = _RUN_AT_END.search(recording.name)
    if match is None:
        return Companions()
    run = match[1]

    def beside(part: str, *endings: str) -> Path | None:
        candidates = [
            path
            for ending in endings
            for path in recording.parent.glob(f"*{part}-{run}{ending}")
            if recording.name.startswith(path.name.removesuffix(f"{part}-{run}{ending}"))
        ]
        # The longest common prefix: several pipelines may record one run into the same folder.
        return max(candidates, key=lambda path: len(path.name), default=None)

    return Companions(
        map_path=beside("mapping", ".json"),
        parameters_path=beside("parameters", ".json", ".cbor"),
        epochs_path=beside("epochs", ".json"),
        detectors_path=beside("detectors", ".json"),
        run=run,
    )


def find_packets(prefix: str, run: str) -> list[Path]:
    """The recordings of a run's ingesters, by the names that they have or will have when they are closed."""
    found = glob.glob(f"{glob.escape(f'{prefix}')}*-{run}.cbors*")
    names = {Path(path.removesuffix(".part")) for path in found}
    return sorted(path for path in names if path.name.endswith((f"-{run}.cbors", f"-{run}.cbors.gz")))


def write_mapping(names: RecordingNames, mapping: bytes) -> Path:
    """Write a trigger map, given as the JSON text of its parts and sequence."""
    return write_whole(names.mapping, mapping)


def write_parameters(names: RecordingNames, parameters: Mapping[str, bytes]) -> Path:
    """Write parameters as a list of ``{"name", "data"}``: JSON where every value is text, otherwise CBOR."""
    texts = {name: _as_text(value) for name, value in parameters.items()}
    if None not in texts.values():
        listed = [{"name": name, "data": text} for name, text in texts.items()]
        return write_whole(names.parameters_text, msgspec.json.encode(listed))
    raw = [{"name": name, "data": bytes(value)} for name, value in parameters.items()]
    return write_whole(names.parameters_binary, cbor2.dumps(raw))


def write_detectors(names: RecordingNames, detectors: Detectors) -> Path:
    """Write the geometry of detectors, as the pipeline file has it."""
    return write_whole(names.detectors, msgspec.json.encode(detectors))


def read_detectors(path: Path) -> dict[str, Detector]:
    """The detectors that write_detectors wrote. Raises UsageError where the file is something else."""
    try:
        detectors = msgspec.json.decode(path.read_bytes(), type=dict[str, Detector])
        check_geometry(detectors)
    except ValueError as error:
        raise UsageError(
            f"{path} does not hold detectors ({error}); correct it, or move it away to replay the tiles' streams alone"
        ) from error
    return detectors


def write_epochs(names: RecordingNames, epochs: Iterable[RecordedEpoch]) -> Path:
    """Write the parameter epochs; a value that is no text is in base64 and says so under ``encoding``."""
    listed = [
        {
            "epoch": epoch.epoch,
            "first_event": epoch.first_event,
            "parameters": [_parameter_entry(name, value) for name, value in epoch.parameters.items()],
        }
        for epoch in epochs
    ]
    return write_whole(names.epochs, msgspec.json.encode(listed))


def read_epochs(path: Path) -> list[RecordedEpoch]:
    """The parameter epochs that write_epochs wrote. Raises UsageError where the file is something else."""
    try:
        listed = msgspec.json.decode(path.read_bytes(), type=list[_EpochEntry])
        return [
            RecordedEpoch(
                epoch.epoch,
                epoch.first_event,
                {entry.name: _parameter_value(entry) for entry in epoch.parameters},
            )
            for epoch in listed
        ]
    except (msgspec.DecodeError, binascii.Error) as error:
        raise UsageError(
            f"{path} does not hold parameter epochs ({error}); restore it, or move it away to replay with the parameters "
            "of the start."
        ) from error


def write_ended(names: RecordingNames) -> Path:
    """Write that the run has ended, and when."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return write_whole(names.ended, msgspec.json.encode({"run": names.run, "ended": now}))


class _ParameterEntry(msgspec.Struct):
    name: str
    data: str
    encoding: str | None = None


class _EpochEntry(msgspec.Struct):
    epoch: int
    first_event: int
    parameters: list[_ParameterEntry]


def _parameter_entry(name: str, value: bytes) -> dict[str, str]:
    text = _as_text(value)
    if text is not None:
        return {"name": name, "data": text}
    return {"name": name, "data": base64.b64encode(value).decode(), "encoding": "base64"}


def _parameter_value(entry: _ParameterEntry) -> bytes:
    if entry.encoding == "base64":
        return base64.b64decode(entry.data, validate=True)
    return entry.data.encode()


def _as_text(value: bytes) -> str | None:
    """None for what is not text: other than UTF-8, or with a NUL byte."""
    if b"\0" in value:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
