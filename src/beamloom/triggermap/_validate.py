"""What makes a trigger map impossible to run, each said in one sentence."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from beamloom.triggermap._compiled import Occurrence
from beamloom.triggermap._model import RESERVED_PART, Repeat, TriggerMapError
from beamloom.triggermap._part import Part


def check_sequence(parts: Mapping[str, Part], sequence: Sequence[Repeat]) -> bool:
    """Whether the sequence has the start and end event already; raises TriggerMapError where it cannot be run."""
    if not parts:
        raise TriggerMapError(
            "the trigger map has no parts; give at least one part, with a list of cells per stream"
        )
    if not sequence:
        raise TriggerMapError(
            f"the sequence of the trigger map is empty; name in it the parts to run, of {_listed(parts)}"
        )
    wrapped = _has_start_and_end(parts, sequence)
    inner = sequence[1:-1] if wrapped else sequence
    for place, repeat in enumerate(inner):
        _check_repeat(parts, repeat, is_last=place == len(inner) - 1)
    return wrapped


def _has_start_and_end(parts: Mapping[str, Part], sequence: Sequence[Repeat]) -> bool:
    used = [place for place, repeat in enumerate(sequence) if repeat.part == RESERVED_PART]
    if not used and RESERVED_PART not in parts:
        return False
    around = used == [0, len(sequence) - 1] and sequence[0].times == 1 and sequence[-1].times == 1
    if not around or RESERVED_PART not in parts or parts[RESERVED_PART].length != 1:
        raise TriggerMapError(
            f"the part name {RESERVED_PART!r} is kept for the one event that is put in front and behind; "
            "use it for the first and the last entry of the sequence and for nothing else, or give the part another name"
        )
    return True


def _check_repeat(parts: Mapping[str, Part], repeat: Repeat, *, is_last: bool) -> None:
    name, times = repeat.part, repeat.times
    if name not in parts:
        raise TriggerMapError(
            f"the sequence names the part {name!r}, which is not among the parts {_listed(parts)}{_meant(name, parts)}"
        )
    if times is None:
        if not is_last:
            raise TriggerMapError(
                f"part {name!r} repeats until told to stop but is not the last entry of the sequence; "
                "give it a number of times, or leave out what follows"
            )
        if not parts[name].length:
            raise TriggerMapError(
                f"part {name!r} repeats until told to stop but has no events; give each of its streams at least one cell"
            )
    elif times < 0:
        raise TriggerMapError(
            f"part {name!r} is to repeat {times} times; a number of times is 0 or more, or null"
        )


def check_pipeline(
    wanted_streams: Collection[str],
    occurrences: Iterable[Occurrence],
    streams: Collection[str],
    workers: Sequence[Collection[str]],
) -> None:
    """Raises TriggerMapError where the pipeline's streams or its workers (their tags) do not suffice for the map."""
    _check_streams(wanted_streams, streams)
    tags_of_workers = [frozenset(tags) for tags in workers]
    for occurrence in occurrences:
        _check_tags(occurrence, tags_of_workers)
        _check_worker_count(occurrence, tags_of_workers)


def _check_streams(wanted: Collection[str], streams: Collection[str]) -> None:
    missing = [stream for stream in wanted if stream not in streams]
    if not missing:
        return
    there = f"the streams here are {_listed(sorted(streams))}" if streams else "no stream is here"
    hint = _meant(missing[0], streams) if len(missing) == 1 else ""
    what = "stream" if len(missing) == 1 else "streams"
    raise TriggerMapError(
        f"{what} {_listed(missing)} not available: {there}{hint}; "
        f"start an ingester for {'it' if len(missing) == 1 else 'them'}, or correct the trigger map"
    )


def _check_tags(occurrence: Occurrence, workers: Sequence[frozenset[str]]) -> None:
    for number, tags in enumerate(occurrence.tag_sets):
        if any(tags <= worker for worker in workers):
            continue
        of_groups = occurrence.group_first[occurrence.group_tags == number]
        mixed = occurrence.mixed
        of_broadcasts = mixed.events[mixed.row_of_entry[mixed.target == -1 - number]]
        event = int(np.concatenate([of_groups, of_broadcasts]).min())
        raise TriggerMapError(
            f"{_place(occurrence, event)} wants a worker {_with_tags(tags)}, but {_described(workers)}; "
            "start a worker with these tags, or correct the tags in the trigger map"
        )


def _check_worker_count(occurrence: Occurrence, workers: Sequence[frozenset[str]]) -> None:
    """Refuses events with more constraints than workers that suit them, as the field's scan software expects."""
    mixed = occurrence.mixed
    is_group = mixed.target >= 0
    if not is_group.any():
        return
    row, group = mixed.row_of_entry[is_group], mixed.target[is_group]
    # One event may name a group in several streams; it counts once.
    order = np.lexsort((group, row))
    row, group = row[order], group[order]
    is_new = np.append(True, (np.diff(row) != 0) | (np.diff(group) != 0))
    row, tags_of_pair = row[is_new], occurrence.group_tags[group[is_new]]
    used = np.flatnonzero(np.bincount(tags_of_pair)).tolist()
    demands = [([number], row[tags_of_pair == number]) for number in used]
    if len(used) > 1:
        demands.append((used, row))
    for numbers, rows in demands:
        needed = np.bincount(rows)
        at = int(needed.argmax())
        tag_sets = [occurrence.tag_sets[number] for number in numbers]
        suitable = sum(any(tags <= worker for tags in tag_sets) for worker in workers)
        if needed[at] > suitable:
            raise TriggerMapError(
                f"{_place(occurrence, int(mixed.events[at]))} needs {needed[at]} different workers "
                f"{' or '.join(map(_with_tags, tag_sets))}, but only {suitable} of them "
                f"{'is' if suitable == 1 else 'are'} available; start more workers, or use fewer constraints per event"
            )


def _place(occurrence: Occurrence, event: int) -> str:
    if occurrence.name == RESERVED_PART:
        return "the start and end event"
    return f"event {event} of part {occurrence.name!r}"


def _with_tags(tags: frozenset[str]) -> str:
    if not tags:
        return "with any tags"
    return f"with {'tag' if len(tags) == 1 else 'tags'} {', '.join(sorted(tags))}"


def _described(workers: Sequence[frozenset[str]]) -> str:
    if not workers:
        return "no worker is here"
    kinds = Counter(", ".join(sorted(tags)) or "no tags" for tags in workers)
    return "the workers here have " + " and ".join(
        f"{tags} ({number} worker{'s' if number > 1 else ''})" for tags, number in kinds.items()
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)


def _meant(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
