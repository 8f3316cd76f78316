"""Which ingesters share a stream, and whether they can: read from what the ingesters have registered.

A stream belongs to one ingester, unless each of those that have it says how many they are.
"""

from __future__ import annotations

from collections.abc import Iterable

from beamloom.engine.streams.shares import Share
from beamloom.services.controller.ensemble import Ensemble, Member
from beamloom.transport.messages import Part


def ingesters_of(ensemble: Ensemble, stream: str) -> list[Member]:
    """Those that have registered the stream, in the order of their names."""
    found = [member for member in ensemble.ingesters if stream in member.register.streams]
    return sorted(found, key=lambda member: (member.name, member.peer))


def part_of(member: Member, stream: str) -> Part:
    """What an ingester says of its part of a stream."""
    return member.register.parts.get(stream, Part(1, False))


def share_of(ensemble: Ensemble, stream: str, member: Member) -> Share | None:
    """The share of a stream that an ingester has; None when it has all of it."""
    part = part_of(member, stream)
    if part.ingesters == 1:
        return None
    return Share(ingesters_of(ensemble, stream).index(member), part.ingesters, part.in_turn)


def problems(ensemble: Ensemble, streams: Iterable[str]) -> list[str]:
    """Why these streams do not come whole and once, a sentence for each."""
    found = (_problem(stream, ingesters_of(ensemble, stream)) for stream in streams)
    return [sentence for sentence in found if sentence is not None]


def _problem(stream: str, members: list[Member]) -> str | None:
    said = {part_of(member, stream).ingesters for member in members}
    names = " and ".join(member.name for member in members)
    if said == {len(members)} or not members:
        return None
    if len(said) > 1 or said == {1}:
        return (
            f"stream {stream!r} is registered by {names}, which do not say that they share it; "
            f"end all but one, or give each of them 'ingesters={len(members)}'"
        )
    wanted = said.pop()
    what = "start the others" if len(members) < wanted else "end those that are too many"
    return (
        f"stream {stream!r} is split over {wanted} ingesters, but there are {len(members)}: {names}; {what}"
    )
