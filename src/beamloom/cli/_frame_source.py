"""Where frames come from, by one word: files, a recording, a device, or a simulation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from beamloom.devices.device import EndlessSource
from beamloom.devices.file_reading.urls import is_pattern, matching, path_of
from beamloom.devices.registry import device_names, find_device
from beamloom.errors import UsageError, did_you_mean
from beamloom.pipeline_file import check_streams
from beamloom.settings import StreamSettings

SIMULATION: Final = "simulation"
HDF5_SUFFIXES: Final = frozenset({".h5", ".hdf5", ".hdf", ".he5", ".nxs", ".nx5", ".cxi", ".nexus"})
IMAGE_SUFFIXES: Final = frozenset(
    {".cbf", ".tif", ".tiff", ".edf", ".mccd", ".mar3450", ".img", ".npy", ".sfrm", ".kccd"}
)
FORMS: Final = (
    "it is a file or a pattern in quotes ('run_1/*.cbf', run_1_master.h5), a recording (*.cbors), a device and where it sends "
    f"(dectris_v2:tcp://detector:31001), or the word {SIMULATION}"
)

Kind = Literal["simulation", "recording", "files", "device"]


@dataclasses.dataclass(frozen=True)
class FrameSource:
    """Frames, and how they are had."""

    kind: Kind
    files: tuple[Path, ...] = ()
    """Of a recording."""
    stream: StreamSettings | None = None
    """Of files and devices."""
    endless: bool = False
    """Whether the device has no series of its own, so that a run goes on until it is told to stop."""


def frame_source(words: Sequence[str], options: Mapping[str, Any], stream: str) -> FrameSource:
    """What SOURCE names; ``options`` are settings of its device, ``stream`` is how the pipeline calls it. Raises UsageError."""
    if words == [SIMULATION]:
        if options:
            raise UsageError("a simulation has no device, and takes no -o")
        return FrameSource("simulation")
    if all(Path(word).suffix == ".cbors" or word.endswith(".cbors.gz") for word in words):
        missing = [word for word in words if not Path(word).exists()]
        if missing:
            raise UsageError(f"there is no recording {missing[0]}")
        return FrameSource("recording", files=tuple(map(Path, words)))
    if len(words) > 1:
        raise UsageError(
            f"SOURCE is one word, not {len(words)}; give several files as a pattern in quotes, such as 'run_1_*.h5'"
        )
    device, colon, url = words[0].partition(":")
    if colon and device in device_names():
        return _of_device(device, url, options, stream)
    if colon and url.startswith("//") and device != "file":
        raise UsageError(
            f"SOURCE {words[0]} does not say which device sends there; write its name in front, as dectris_v2:{words[0]} "
            f"('beamloom probe {words[0]}' finds out which it is)"
        )
    if colon and not Path(words[0]).exists() and device != "file" and "/" not in device and "." not in device:
        raise UsageError(
            f"there is no device {device!r}{did_you_mean(device, device_names())}; SOURCE: {FORMS}"
        )
    return _of_files(words[0], options, stream)


def _of_device(device: str, url: str, options: Mapping[str, Any], stream: str) -> FrameSource:
    settings = _checked(device, url, options, stream)
    found = find_device(device)
    is_files = device in ("hdf5", "images")
    try:
        endless = isinstance(found.source(settings_of_device(settings)), EndlessSource)
    except ValueError as error:
        raise UsageError(str(error)) from None
    if is_files:
        return FrameSource("files", stream=settings)
    arms = StreamSettings(device=device, options=settings.options, arms=not endless)
    return FrameSource("device", stream=arms, endless=endless)


def settings_of_device(stream: StreamSettings) -> Any:
    """The options of a stream as its device takes them."""
    import msgspec

    return msgspec.convert(stream.options, find_device(stream.device).settings)


def _of_files(word: str, options: Mapping[str, Any], stream: str) -> FrameSource:
    try:
        path = path_of(word if "/" in word or word.startswith("file:") else f"./{word}")
    except ValueError as error:
        raise UsageError(f"{error}; SOURCE: {FORMS}") from None
    found = matching(path)
    follows = bool(options.get("follow"))
    if not found and not (follows and path.suffix):
        what = "no file matches" if is_pattern(path) else "there is no file"
        raise UsageError(
            f"{what} {path}; SOURCE: {FORMS}. For files that are still to be written add -o follow=true"
        )
    first = found[0] if found else path
    inside = sorted(one for one in first.iterdir() if not one.name.startswith(".")) if first.is_dir() else []
    suffix = (inside[0] if inside else first).suffix.lower()
    if suffix in HDF5_SUFFIXES and not inside:
        device = "hdf5"
    elif suffix in IMAGE_SUFFIXES or inside:
        device = "images"
    elif suffix in (".lst", ".txt"):
        raise UsageError(
            f"{first} is a text; lists of files are not read: give their pattern in quotes, such as 'run_1/*.cbf', or a folder of links"
        )
    else:
        raise UsageError(
            f"{first} has no ending by which it is known; write the device in front, as hdf5:{word} or images:{word}"
        )
    return FrameSource("files", stream=_checked(device, str(path.absolute()), options, stream))


def _checked(device: str, url: str, options: Mapping[str, Any], stream: str) -> StreamSettings:
    settings = StreamSettings(device=device, options={"url": url, **options})
    check_streams({stream: settings})
    return settings
