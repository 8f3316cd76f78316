"""Settings of a localization from the metadata that microscopes and PYME write.

The names are those of PYME; ``localize.psf_sigma`` and the like name a setting of ``beamloom.apps.localization.Settings`` itself and come
first. PYME's threshold is not a z-score: it compares a band-passed image (Gaussians of 1 and 3 pixels) with the noise of the image
before. White noise is less by ``sqrt((1 + 1/9) / (4 pi) - 2 / (2 pi (1 + 9)))`` = 0.238 behind that filter, so a threshold of 1 is a
z-score of 4.2.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any, Final

from beamloom.apps.localization import Camera, Settings
from beamloom.rules.errors import RuleRefused, closest

OWN: Final = "localize."
BAND_PASS: Final = math.sqrt((1 + 1 / 9) / (4 * math.pi) - 2 / (2 * math.pi * (1 + 9)))


def entries(metadata: Any) -> dict[str, Any]:
    """All entries of a mapping, of JSON as text, or of a metadata handler of PYME. Raises RuleRefused."""
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError as error:
            raise RuleRefused(f"the analysis metadata is no JSON: {error}") from error
    if isinstance(metadata, Mapping):
        return _flat(metadata)
    if hasattr(metadata, "getEntryNames") and hasattr(metadata, "getEntry"):
        return {name: metadata.getEntry(name) for name in metadata.getEntryNames()}
    if hasattr(metadata, "items"):
        return _flat(dict(metadata.items()))
    raise RuleRefused(f"analysis metadata is a mapping of names and values, and not {metadata!r}")


def settings(found: Mapping[str, Any]) -> Settings:
    """The settings that ``found`` gives. Raises RuleRefused for values that cannot be, and for unknown names of settings."""
    camera: dict[str, Any] = {}
    chosen: dict[str, Any] = {}
    for name, target, scale in (
        ("Camera.ADOffset", "offset", 1.0),
        ("Camera.ElectronsPerCount", "electrons_per_count", 1.0),
        ("Camera.ReadNoise", "read_noise", 1.0),
        ("Camera.TrueEMGain", "em_gain", 1.0),
        ("voxelsize.x", "pixel_size", 1000.0),
    ):
        if name in found:
            camera[target] = scale * float(found[name])
    if "Analysis.DetectionThreshold" in found:
        chosen["threshold"] = float(found["Analysis.DetectionThreshold"]) / BAND_PASS
    if "Analysis.PSFSigmaGuess" in found:
        chosen["psf_sigma"] = float(found["Analysis.PSFSigmaGuess"])
    if "Analysis.ROISize" in found:
        chosen["half_size"] = int(found["Analysis.ROISize"])
    if found.get("Analysis.subtractBackground") and "Analysis.BGRange" in found:
        first, last = found["Analysis.BGRange"]
        chosen["background"] = max(1, math.ceil(abs(int(last) - int(first)) / 2))
    _take_own(found, camera, chosen)
    try:
        return Settings(camera=Camera(**camera), **chosen)
    except ValueError as error:
        raise RuleRefused(f"the analysis metadata cannot be used: {error}") from error


def as_values(chosen: Settings) -> dict[str, Any]:
    """The settings as values that JSON has."""
    return dataclasses.asdict(chosen)


def _take_own(found: Mapping[str, Any], camera: dict[str, Any], chosen: dict[str, Any]) -> None:
    of_camera = {field.name for field in dataclasses.fields(Camera)}
    of_settings = {field.name for field in dataclasses.fields(Settings)} - {"camera"}
    for name, value in found.items():
        if not name.startswith(OWN):
            continue
        setting = name.removeprefix(OWN)
        if setting not in of_camera | of_settings:
            raise RuleRefused(
                f"there is no setting {setting!r} of a localization{closest(setting, of_camera | of_settings)}"
            )
        (camera if setting in of_camera else chosen)[setting] = value


def _flat(metadata: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Groups in groups as names with dots."""
    found: dict[str, Any] = {}
    for name, value in metadata.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
