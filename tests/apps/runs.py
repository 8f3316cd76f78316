"""Ready analyses run event by event in this process, in any order, and what two ways of running have published compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from beamloom import Event, Packet, PacketKind, ParameterSet, ReducerState, Result
from beamloom.devices import stins
from beamloom.recordings import Record, RecordingWriter

Array = np.ndarray[Any, np.dtype[Any]]


def as_packets(typ: str, messages: Iterable[Sequence[Any]]) -> list[Packet]:
    """The messages of a whole series as packets: its start, its items, its end."""
    frames = [list(message) for message in messages]
    kinds = [PacketKind.START, *[PacketKind.DATA] * (len(frames) - 2), PacketKind.END]
    return [
        Packet(typ, message, number, kind)
        for number, (message, kind) in enumerate(zip(frames, kinds, strict=True))
    ]


def camera_messages(images: Iterable[Array]) -> list[list[bytes]]:
    """A whole series as a STINS camera sends it."""
    return list(stins.generate(images=images))


def camera_events(images: Iterable[Array], stream: str = "camera") -> list[Event]:
    """The same as events: image i is event i + 1."""
    return events_of({stream: as_packets("STINS", camera_messages(images))})


def events_of(streams: Mapping[str, Sequence[Packet]]) -> list[Event]:
    """Events of streams of equal length."""
    packets = zip(*streams.values(), strict=True)
    return [Event(number, dict(zip(streams, each, strict=True))) for number, each in enumerate(packets)]


def recorded(path: Path, events: Iterable[Event]) -> Path:
    """A recording of these events."""
    with RecordingWriter(path) as writer:
        for event in events:
            writer.write(Record(event.event_number, event.streams))
    return path


def parameters_of(*classes: Any, **values: Any) -> ParameterSet:
    """The parameters of these classes, as their hooks get them."""
    described = {
        one.name: one
        for cls in classes
        if hasattr(cls, "describe_parameters")
        for one in cls.describe_parameters()
    }
    return ParameterSet.from_values(values, list(described.values()))


def analysed(
    worker: Any,
    reducer: Any,
    events: Sequence[Event],
    parameters: ParameterSet,
    *,
    order: Iterable[int] | None = None,
    workers: int = 1,
) -> dict[str, Any]:
    """What is published after all events, in ``order``, dealt to ``workers`` in turn."""
    offered = {"parameters": parameters, "state": ReducerState(run="run-1"), "context": {}}
    reduce = _call(reducer, offered)
    crew = [_call(worker, {**offered, "state": None, "context": {}}) for _ in range(workers)]
    for turn, place in enumerate(range(len(events)) if order is None else order):
        event = events[place]
        payload = _call(crew[turn % workers].process_event, {"event": event, "parameters": parameters})
        result = Result(event.event_number, "w", parameters.hash, payload)
        _call(reduce.process_result, {"result": result, "parameters": parameters})
    _call(reduce.finish, {"parameters": parameters})
    tree: dict[str, Any] = plain(reduce.publish)
    return tree


def _call(hook: Any, offered: Mapping[str, Any]) -> Any:
    import inspect

    return hook(**{name: offered[name] for name in inspect.signature(hook).parameters if name in offered})


def plain(tree: Any) -> Any:
    """A publish tree as dictionaries of arrays and plain values."""
    if hasattr(tree, "snapshot"):
        tree = tree.snapshot()
    if isinstance(tree, Mapping):
        return {name: plain(value) for name, value in tree.items() if not str(name).endswith("_attrs")}
    return np.asarray(tree) if hasattr(tree, "__array__") else tree


def assert_same(one: Any, other: Any, place: str = "$") -> None:
    """Fail unless two plain trees are the same to the last bit, and tell where they are not."""
    if isinstance(one, Mapping) or isinstance(other, Mapping):
        assert one.keys() == other.keys(), place
        for name in one:
            assert_same(one[name], other[name], f"{place}.{name}")
    else:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other), err_msg=place)
