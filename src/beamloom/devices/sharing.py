"""Whether a stream may be split over several ingesters, in the words that people are told."""

from __future__ import annotations

from beamloom.devices.device import Sharing


def split_refusal(
    stream: str, device: str, sharing: Sharing | None, ingesters: int, *, arms: bool
) -> str | None:
    """Why the packets of ``device`` cannot come by so many ingesters; None when they can. ``arms``: the device arms runs."""
    if ingesters == 1:
        return None
    if sharing is None:
        return (
            f"the stream {stream!r} cannot be split over {ingesters} ingesters: the packets of {device} have no numbers "
            "by which each could place its share; leave out 'ingesters'"
        )
    if arms:
        return (
            f"the stream {stream!r} cannot be split over {ingesters} ingesters and arm runs: only one of them would see "
            "that a series begins; leave out 'ingesters' or 'arms'"
        )
    return None
