"""Detectors in trigger maps: people name the detector, the engine knows the streams of its tiles."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from beamloom.detectors.geometry import Detectors
from beamloom.services.controller.arming import ArmingRefused
from beamloom.triggermap import TriggerMap, TriggerMapError, expand


def in_streams(
    trigger_map: TriggerMap,
    detectors: Detectors,
    streams: Collection[str],
    workers: Sequence[Collection[str]],
) -> TriggerMap:
    """The map with the tiles' streams in the place of detectors, once it is clear that this pipeline can run it.

    ``workers`` are their tags. Raises TriggerMapError for a map that cannot be run here, ArmingRefused for names that mean two things.
    """
    doubled = [name for name in detectors if name in streams]
    if doubled:
        raise ArmingRefused(
            f"{doubled[0]!r} is both a stream and a detector; give one of them another name in the pipeline file"
        )
    trigger_map.check([*streams, *detectors], workers)
    for name in trigger_map.streams:
        absent = (
            [stream for stream in detectors[name].streams if stream not in streams]
            if name in detectors
            else []
        )
        if absent:
            several = len(absent) > 1
            raise TriggerMapError(
                f"detector {name!r} has {'tiles' if several else 'a tile'} on the {'streams' if several else 'stream'} "
                f"{', '.join(map(repr, absent))}, not available here; start an ingester for {'them' if several else 'it'}, or name "
                "the streams of the other tiles in the trigger map"
            )
    return expand(trigger_map, {name: detector.streams for name, detector in detectors.items()})


def nameable(detectors: Detectors, streams: Collection[str]) -> list[str]:
    """What a trigger map may name: the streams that are there, and the detectors whose tiles are all there."""
    whole = [
        name for name, detector in detectors.items() if all(stream in streams for stream in detector.streams)
    ]
    return [*streams, *whole]
