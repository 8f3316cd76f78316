"""The Python of a new analysis, made for the streams that it will have."""

from __future__ import annotations

import keyword
from collections.abc import Sequence

from beamloom.scaffolding.seen import Seen

WIDTH = 110
"""Of lines, as the new project's formatter has them."""
WORKER = '''"""The map: what one event says.

It is called for each event, on any worker, in any order, and perhaps twice for one event: what it returns should follow from the event and
the parameters alone. Results of the types of ``beamloom`` (Sum, Mean, Table, Histogram, Map2D and others) merge by themselves.
"""

from __future__ import annotations

from typing import Any

from beamloom import (
{imports})


class Worker:
    """{title}."""

    combine = True

    @staticmethod
    def describe_parameters() -> list[Parameter]:
        """What can be set, while a run goes on as well; a change holds from an exact event on."""
        return [
{described}        ]

    def process_event(self, event: Event, parameters: ParameterSet) -> dict[str, Any] | None:
        """What this event adds to the results; None for one without data, such as the start and the end of a series."""
        row: dict[str, Any] = {{}}
        results: dict[str, Any] = {{}}
{streams}        if not row:
            return None
        results["events"] = Table().add(event.event_number, row)
        return results


def data_of(event: Event, stream: str) -> Any:
    """What ``stream`` sent, as the page of its device describes it; None where it sent nothing, or opens or closes a series."""
    packet = event.streams.get(stream)
    if packet is None or packet.kind is not PacketKind.DATA:
        return None
    parsed = packet.parse()
    return parsed if getattr(parsed, "packet_kind", PacketKind.DATA) is PacketKind.DATA else None
'''
REDUCER = '''"""The reduce: merges what workers returned, and publishes it."""

from __future__ import annotations

from typing import Any

from beamloom import Result, merge_into


class Reducer:
    """All that workers have found so far."""

    def __init__(self) -> None:
        self.publish: dict[str, Any] = {{"_attrs": {{"NX_class": "NXentry", "default": "{default}"}}}}

    def process_result(self, result: Result) -> None:
        """Take the results of an event, or of several that were merged; called once for each event, in any order."""
        merge_into(self.publish, result.payload)
'''
SIMULATION = '''"""A series that is known exactly: spots of light on a camera that does not exist, with the start and the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from beamloom import Packet, PacketKind
from beamloom.devices.generator import generate
from beamloom.recordings import Record

FRAMES = 50


class Simulation:
    """What a replay reads in place of a recording."""

    def get_source_generators(self) -> list[Iterator[Any]]:
        """One generator of records: one camera."""
        return [self._records()]

    def _records(self) -> Iterator[Any]:
        series = generate(kind="images", items=FRAMES, shape=(64, 64), seed=1, noise=True)
        for number, frames in enumerate(series):
            kind = {{0: PacketKind.START, FRAMES + 1: PacketKind.END}}.get(number, PacketKind.DATA)
            packet = Packet("GENERATOR", [bytes(one) for one in frames], number, kind)
            yield Record(number, {{"camera": packet}})
'''
TEST = '''"""The analysis over {what}: nothing fails, sums are right, and nothing depends on the order of events.

Where you change the analysis, change the truths that are tested here.
"""

from __future__ import annotations

{itertools}import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

{numpy}import pytest
from beamloom import Event
from beamloom.checking import Check, Question
{reader}from beamloom.replay import Replay, ReplayReport

{simulation}from worker import data_of

HERE = Path(__file__).parent.parent
PARAMETERS = json.loads((HERE / "parameters.json").read_text())
{files}

def replayed(workers: int = 2, **changes: Any) -> ReplayReport:
    """The report of a replay with ``parameters.json``, but for ``changes``."""
    values = {{name: json.dumps(value).encode() for name, value in {{**PARAMETERS, **changes}}.items()}}
    replay = Replay(
        "worker:Worker", "reducer:Reducer", {given}, parameters=values, workers=workers, folder=HERE
    )
    return replay.run()


@pytest.fixture(scope="module")
def report() -> ReplayReport:
    """What comes of it with the usual parameters."""
    return replayed()


def events() -> Iterator[Event]:
    """The events, straight from where they are, one stream at a time."""
    for record in {records}:
        yield Event(record.event_number, record.streams)


def test_no_event_fails(report: ReplayReport) -> None:
    assert report.failures == []
    assert report.counts.failed == 0
    assert report.counts.reduced > 0

{tests}
def test_order_and_number_of_workers_change_nothing() -> None:
    question = Question(
        worker_class="worker:Worker",
        reducer_class="reducer:Reducer",
        {asked},
        parameters="parameters.json",
        workers=(1, 3),
        orders=2,
        seconds=0,
        folder=str(HERE),
    )
    assert [one.sentence for one in Check(question).run().problems] == []
'''
SUM_TEST = """
def test_the_sum_of_{variable}_is_that_of_a_plain_loop(report: ReplayReport) -> None:
    sent = [data_of(one, {stream}) for one in events()]
    frames = [np.array({attribute}) for one in sent if one is not None]
    found = report.publish[{stream}].snapshot()
    assert found["count"] == len(frames)
    np.testing.assert_allclose(found["sum"], np.sum(frames, axis=0, dtype={total}), rtol=1e-12)


def test_a_higher_threshold_counts_fewer_values_of_{variable}() -> None:
    low, high = (
        np.asarray(replayed({variable}_threshold=value).publish["events"].snapshot()["{variable}_above"])
        for value in (-1e9, {middle!r})
    )
    assert np.nansum(high) < np.nansum(low)

"""
ROW_TEST = """
def test_every_packet_of_{variable}_has_a_row(report: ReplayReport) -> None:
    sent = [one.event_number for one in events() if data_of(one, {stream}) is not None]
    column = np.asarray(report.publish["events"].snapshot()["{column}"], float)
    assert np.flatnonzero(~np.isnan(column)).tolist() == sorted(set(sent))

"""


def worker_text(name: str, streams: Sequence[Seen]) -> str:
    """``worker.py``."""
    with_arrays = [one for one in streams if one.attribute and one.readable]
    imports = {"Event", "PacketKind", "Parameter", "ParameterSet", "Table"}
    imports |= {"FloatParameter"} if with_arrays else set()
    imports |= {"Sum"} if any(one.shape for one in with_arrays) else set()
    described = "".join(
        f'            FloatParameter(\n                name="{one.variable}_threshold",\n                default={one.middle!r},\n'
        f'                description="values of {one.name} above it are counted",\n            ),\n'
        for one in with_arrays
    )
    title = "Sums over " + ", ".join(one.name for one in streams if one.readable)
    return WORKER.format(
        imports="".join(f"    {name},\n" for name in sorted(imports)),
        title=title if len(title) < 100 else f"The analysis {name}",
        described=described,
        streams="".join(map(_stream_text, streams)),
    )


def _stream_text(one: Seen) -> str:
    if not one.readable:
        return (
            f"        # Packets of {one.name} are left out: the page of their device says how to read them.\n"
        )
    lines = [
        f"        {one.variable} = data_of(event, {_text(one.name)})",
        f"        if {one.variable} is not None:",
    ]
    if one.attribute:
        lines += [
            f"            frame = {_attribute(one.variable, one.attribute)}",
            f'            row["{one.variable}_sum"] = float(frame.sum())',
            f'            above = frame > float(parameters["{one.variable}_threshold"])',
            f'            row["{one.variable}_above"] = float(above.sum())',
        ]
        if one.shape:
            lines.append(f"            results[{_text(one.name)}] = Sum().add(event.event_number, frame)")
    for number in one.numbers:
        value = _attribute(one.variable, number)
        line = f'            row["{one.column(number)}"] = float({value})'
        if len(line) > WIDTH:
            line = f'            row["{one.column(number)}"] = float(\n                {value}\n            )'
        lines.append(line)
    if not one.attribute and not one.numbers:
        lines.append(f'            row["{one.variable}_packets"] = 1.0')
    return "\n".join(lines) + "\n"


def reducer_text(streams: Sequence[Seen]) -> str:
    """``reducer.py``."""
    shown = [one.name for one in streams if one.readable and one.attribute and one.shape]
    return REDUCER.format(default=shown[0] if shown else "events")


def test_text(streams: Sequence[Seen], *, recorded: bool) -> str:
    """``tests/test_analysis.py``."""
    tests = []
    for one in streams:
        if one.readable and one.attribute and one.shape:
            total = "np.float64" if one.dtype.startswith("float") else "np.int64"
            tests.append(
                SUM_TEST.format(
                    variable=one.variable,
                    attribute=_attribute("one", one.attribute),
                    stream=_text(one.name),
                    total=total,
                    middle=one.middle,
                )
            )
        elif one.readable:
            column = (
                f"{one.variable}_sum"
                if one.attribute
                else one.column(one.numbers[0])
                if one.numbers
                else f"{one.variable}_packets"
            )
            tests.append(ROW_TEST.format(variable=one.variable, stream=_text(one.name), column=column))
    return TEST.format(
        what="the recording" if recorded else "the simulation",
        numpy="import numpy as np\n" if tests else "",
        reader="from beamloom.recordings import RecordingReader\n" if recorded else "",
        simulation="" if recorded else "from simulation import Simulation\n",
        files='FILES = [str(path) for path in sorted((HERE / "recordings").glob("*.cbors*"))]\n'
        if recorded
        else "",
        given="FILES" if recorded else "source=Simulation",
        asked="files=FILES" if recorded else 'source="simulation:Simulation"',
        records=(
            "itertools.chain.from_iterable(map(RecordingReader, FILES))"
            if recorded
            else "Simulation().get_source_generators()[0]"
        ),
        itertools="import itertools\n" if recorded else "",
        tests="".join(tests),
    )


def _attribute(of: str, name: str) -> str:
    """The attribute of that name, which may be none that Python can write."""
    return (
        f"{of}.{name}"
        if name.isidentifier() and not keyword.iskeyword(name)
        else f"getattr({of}, {_text(name)})"
    )


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
