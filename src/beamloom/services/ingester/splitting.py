"""Whether a stream can be split over several ingesters, as its device says."""

from __future__ import annotations

from beamloom.devices.device import Sharing
from beamloom.devices.registry import find_device
from beamloom.devices.sharing import split_refusal
from beamloom.errors import UserError
from beamloom.settings import StreamSettings


def device_sharing(device: str) -> Sharing | None:
    """How a stream of this device may be split; raises a UserError for a device that is not installed."""
    return find_device(device).sharing


def check_split(stream: str, settings: StreamSettings, sharing: Sharing | None) -> None:
    """Raises a UserError for a stream that cannot be split over as many ingesters as its settings say."""
    sentence = split_refusal(stream, settings.device, sharing, settings.ingesters, arms=settings.arms)
    if sentence is not None:
        raise UserError(sentence)
