"""One campaign: a run of real processes to which a schedule of faults happens, and what came of it."""

from __future__ import annotations

import json
import pickle
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import requests

from beamloom.devices.device import Simulator
from beamloom.devices.registry import find_device
from beamloom.pipeline_file import parse_pipeline
from beamloom.placement import LocalPlacement
from beamloom.placement.processes import RestartPolicy
from chaos.blows import Dealer
from chaos.excuses import Excuse, Sent, broken_series, excused
from chaos.leaks import own_places, remains
from chaos.material import box_messages, camera_messages, encoder_settings
from chaos.oracle import Epochs, Expected, expected, the_map
from chaos.schedule import WORKERS, Schedule
from chaos.watching import LOOK_SECONDS, Asker, Watch

ANALYSES = Path(__file__).parent / "analyses"
PATIENCE = 60.0
"""Seconds in which no event is settled, after which a run has failed to end."""
EVENT_TIMEOUT = 2.0
HELD_BACK = 0.95
"""Of the rows of the box, so many come at their own pace; the others as slowly as it takes until nobody is killed any more."""
HELD_SECONDS = 1.0
"""Between two of those."""
OFTEN = RestartPolicy(first_delay=0.05, longest_delay=0.2, deaths=100_000)


class Verdict(msgspec.Struct, kw_only=True):
    """What came of a campaign."""

    seed: int
    faults: int
    """That happened."""
    events: int
    """Of the run, with its first and last."""
    lost: int
    """Events that should not have been."""
    failed: int
    """Events that should not have."""
    duplicates: int
    """Results that were reduced more than once."""
    missing: int
    """Events that the ledger calls reduced and that are not in the result, or the other way round."""
    equal: bool
    """Whether what is published is that of the oracle, bit for bit."""
    finished: bool
    lost_rightly: int
    lost_with_ingesters: int
    """Events whose packets were under way to an ingester when it was killed."""
    failed_rightly: int
    redelivered: int
    longest_stall: float
    """Seconds in which no event was settled."""
    stalled_at: int
    """Events that were settled then."""
    stall_story: dict[str, float] = {}
    """What the run waited for meanwhile, in seconds: most often for a process that was starting."""
    changes: int
    """Of a parameter."""
    epochs: int
    """That came of them."""
    seconds: float
    blows: dict[str, int]
    """How many were dealt, by kind."""
    problems: list[str] = []
    """What is wrong, in sentences."""

    @property
    def passed(self) -> bool:
        """Whether all is as it should be."""
        return self.finished and self.equal and not self.problems


@contextmanager
def pipeline(
    encoder: Mapping[str, Any], *, stateful: bool, policy: RestartPolicy = OFTEN, **settings: Any
) -> Iterator[tuple[LocalPlacement, dict[str, Simulator]]]:
    """Three streams, three workers, started as ``beamloom up`` starts them; and the devices that are simulated."""
    with ExitStack() as stack:
        devices: dict[str, Simulator] = {}
        for stream, device in {"camera": "stins", "box": "pandabox"}.items():
            devices[stream] = find_device(device).simulator("tcp://127.0.0.1:*")
            stack.callback(devices[stream].close)
        worker = "StatefulWorker" if stateful else "Worker"
        written = {
            "name": "chaos",
            "streams": {
                "camera": {"device": "stins", "url": devices["camera"].url},
                "box": {"device": "pandabox", "url": devices["box"].url},
                "encoder": dict(encoder),
            },
            "workers": {"class": f"chaotic:{worker}", "count": WORKERS},
            "reducer": {"class": "chaotic:Reducer", "http": "127.0.0.1:0"},
            "controller": {"http": "127.0.0.1:0", "mailbox": "127.0.0.1:0"},
            "analysis": str(ANALYSES),
            "settings": {"event_timeout": EVENT_TIMEOUT, **settings},
        }
        read = parse_pipeline(json.dumps(written), folder=ANALYSES)
        placement = stack.enter_context(LocalPlacement(read, quiet=True, policy=policy))
        placement.wait_ready(60)
        yield placement, devices


@contextmanager
def playing(
    devices: Mapping[str, Simulator], series: Mapping[str, Iterable[list[bytes]]], rate: float
) -> Iterator[None]:
    """Devices that send these series in threads of their own."""
    threads = [
        threading.Thread(
            target=devices[stream].play, args=(messages,), kwargs={"rate": rate or None}, name=stream
        )
        for stream, messages in series.items()
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for simulator in devices.values():
            simulator.close()
        for thread in threads:
            thread.join()


def campaign(schedule: Schedule, rate: float, *, stateful: bool = False) -> Verdict:
    """Run a schedule; ``rate`` is items per second of each device."""
    begin = time.monotonic()
    encoder = encoder_settings(schedule.encoder, rate)
    camera = Sent()
    dealt = threading.Event()
    with (
        own_places() as places,
        pipeline(encoder, stateful=stateful, write_ahead=True, straggler_timeout=PATIENCE / 2) as (
            placement,
            devices,
        ),
        Asker(placement.controller_url) as ask,
    ):
        series = {
            "camera": camera.of(camera_messages(schedule.events, schedule.camera)),
            "box": armed_until_read(
                devices["box"],
                placement.controller_url,
                box_messages(schedule.events),
                schedule.events,
                dealt,
            ),
        }
        values = {"events": schedule.events, "harms": json.dumps(schedule.harms), "gain": 1}
        must(ask.post("parameters", values), "the parameters were not taken")
        must(ask.post("sequence", the_map(schedule.events).to_json(), 30.0), "the run was not armed")
        with Watch(placement.controller_url) as watch:
            with Dealer(placement, watch, camera) as dealer, playing(devices, series, rate):
                for blow in schedule.blows:
                    if not dealer.deal(blow, PATIENCE):
                        break
                dealt.set()
                watch.wait_for(lambda told: bool(told.get("finished")), PATIENCE)
            story = "" if watch.last.get("finished") else _story(ask, placement)
            try:
                told, ledger = _when_answered(ask, "progress"), _when_answered(ask, "ledger")
                published, epochs = _published(placement.reducer_url), _epochs(placement.reducer_url)
            except RuntimeError as error:
                raise RuntimeError(f"{error}\n{_story(ask, placement)}") from error
        placement.stop()
        left = remains(places)
    verdict = judge(schedule, told, ledger, published, epochs, dealer.camera_deaths, stateful=stateful)
    verdict.blows = dict(Counter(str(blow.kind) for blow in dealer.dealt))
    verdict.faults += len(dealer.dealt)
    verdict.longest_stall, verdict.stalled_at = round(watch.longest_stall, 2), watch.stalled_at
    verdict.stall_story = watch.stall_story
    verdict.changes = dealer.changes
    verdict.problems += [f"left behind among temporary files: {one}" for one in left]
    verdict.problems += [story] if story else []
    verdict.seconds = round(time.monotonic() - begin, 1)
    return verdict


def armed_until_read(
    box: Simulator, url: str, messages: Iterable[list[bytes]], rows: int, dealt: threading.Event
) -> Iterator[list[bytes]]:
    """The messages of an arm, its end only when nobody is killed any more, all ``rows`` were read, and somebody is connected.

    A box that is disarmed before forgets what it has sent. Where events wait for workers the last blow is long after the devices have sent
    theirs: with no row left until then the stream would rightly count as silent.
    """
    with Asker(url) as ask:
        for number, message in enumerate(messages):
            if number > HELD_BACK * rows:
                dealt.wait(HELD_SECONDS)
            if message[0].startswith(b"END "):
                dealt.wait(PATIENCE)
                until = time.monotonic() + PATIENCE
                while not _read(ask.get("flow"), rows) and time.monotonic() < until:
                    time.sleep(LOOK_SECONDS)
                box.wait_for_client(PATIENCE)
            yield message


def _read(flow: Any, rows: int) -> bool:
    """Whether the rows of the box, which are events from 1 on, were read, or the run is over."""
    if flow is None:
        return False
    return bool(flow["finished"] or flow["streams"].get("box", {}).get("complete_until", 0) > rows)


def must(well: bool, what: str) -> None:
    """Raise RuntimeError where a pipeline does not do what any pipeline does."""
    if not well:
        raise RuntimeError(what)


def judge(
    schedule: Schedule,
    told: Mapping[str, Any],
    ledger: Mapping[str, Any],
    published: Mapping[str, Any],
    epochs: Epochs,
    camera_deaths: Sequence[Excuse],
    *,
    stateful: bool,
) -> Verdict:
    """Compare what the pipeline says and publishes with the schedule and with the oracle."""
    lost = _numbers(one["events"] for one in ledger["lost"])
    with_ingesters = excused(ledger["lost"], camera_deaths) - schedule.lost
    rightly = schedule.lost | with_ingesters
    failed, reduced = _numbers(ledger["failed"]), _numbers(ledger["reduced"])
    problems = [f"lost and should not be: {one}" for one in _wrongly(ledger["lost"], rightly)]
    if problem := broken_series(with_ingesters, schedule.lost, len(camera_deaths)):
        problems.append(problem)
    problems += _differ("failed", failed, schedule.failed - with_ingesters, told["errors"])
    if not_lost := schedule.lost - lost:
        problems.append(f"lost by the device, and the ledger does not say so: {sorted(not_lost)[:20]}")
    oracle = expected(schedule, epochs, lost - schedule.lost, stateful=stateful)
    times = np.asarray(published.get("times", []))
    duplicates = np.flatnonzero(times > 1).tolist()
    there = set(np.flatnonzero(times).tolist())
    inner = reduced - {0, schedule.events + 1}
    if duplicates:
        problems.append(f"reduced more than once: {duplicates[:20]}")
    if missing := there ^ inner:
        problems.append(f"in the result or reduced, and not both: {sorted(missing)[:20]}")
    equal = _equal(published, oracle, problems)
    if [first for first, _ in epochs] != sorted({first for first, _ in epochs}):
        problems.append(f"two epochs begin at one event: {[first for first, _ in epochs][:20]}")
    return Verdict(
        seed=schedule.seed,
        faults=schedule.faults - len(schedule.blows),
        events=schedule.events + 2,
        lost=len(lost - rightly),
        lost_with_ingesters=len(with_ingesters),
        failed=len(failed - schedule.failed),
        duplicates=len(duplicates),
        missing=len(missing),
        equal=equal,
        finished=bool(told["finished"]),
        lost_rightly=len(lost & schedule.lost),
        failed_rightly=len(failed & schedule.failed),
        redelivered=told["redelivered"],
        longest_stall=0.0,
        stalled_at=0,
        changes=0,
        epochs=len(epochs),
        seconds=0.0,
        blows={},
        problems=problems,
    )


def _equal(published: Mapping[str, Any], oracle: Expected, problems: list[str]) -> bool:
    different = [
        name
        for name, value in oracle.publish.items()
        if name not in published or not np.array_equal(value, published[name])
    ]
    for name in different:
        ours, theirs = np.atleast_1d(published.get(name, [])), np.atleast_1d(oracle.publish[name])
        where = np.flatnonzero(ours != theirs).tolist() if ours.shape == theirs.shape else []
        problems.append(f"{name} is not that of the oracle, at {len(where)} places: {where[:20]}")
    return not different


def _numbers(ranges: Iterable[list[int]]) -> set[int]:
    return {event for first, last in ranges for event in range(first, last + 1)}


def _wrongly(losses: Iterable[Mapping[str, Any]], rightly: frozenset[int]) -> list[str]:
    found = []
    for one in losses:
        wrong = sorted(set(range(one["events"][0], one["events"][1] + 1)) - rightly)
        if wrong:
            found.append(f"{wrong[0]}-{wrong[-1]} ({len(wrong)}): {one['cause']}")
    return found[:20]


def _differ(what: str, found: set[int], wanted: frozenset[int], errors: Any) -> list[str]:
    sentences = []
    if more := sorted(found - wanted):
        sentences.append(f"{what} and should not be: {more[:20]}; the errors are {errors}")
    if less := sorted(wanted - found):
        sentences.append(f"should be {what} and are not: {less[:20]}")
    return sentences


def _when_answered(ask: Asker, path: str) -> Any:
    end = time.monotonic() + PATIENCE
    while (answer := ask.get(path)) is None:
        must(time.monotonic() < end, f"nobody answers to {path}")
        time.sleep(0.05)
    return answer


def _published(url: str) -> dict[str, Any]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{url}/api/v1/result/$", timeout=30)
        must(answer.ok, f"the reducer does not give its result: {answer.text}")
        tree: dict[str, Any] = pickle.loads(answer.content)[0]
        return tree


def _epochs(url: str) -> list[tuple[int, int]]:
    """The gain by the first event that it holds for, but for the first."""
    with Asker(url) as ask:
        run = _when_answered(ask, "runs/last")
    told = [(one["first_event"], int(one["parameters"]["gain"])) for one in run["epochs"]]
    return [one for one in told if one[0]]


def _story(ask: Asker, placement: LocalPlacement) -> str:
    lines = [f"{path}: {ask.get(path)}" for path in ("progress", "streams", "status", "health")]
    for status in placement.status():
        lines += [f"{status.name} ({status.state}): {line}" for line in placement.output(status.name)[-12:]]
    return "the run did not end:\n" + "\n".join(lines)
