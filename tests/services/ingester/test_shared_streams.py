"""Several ingesters of one stream, as real services: who may share, what a run makes of their reports, what is shown."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from beamloom.control.views.ensemble import config, health, streams
from beamloom.devices.device import Sharing
from beamloom.events import Packet
from beamloom.services.controller.arming import ArmingRefused
from beamloom.settings import ControllerSettings
from beamloom.triggermap import open_ended, uniform
from services.bench import Bench, Doubling, Feed, counts, end, frame, series, start

FRAMES = 30


def dealt(packets: Iterable[Packet], count: int) -> list[Feed]:
    """The packets dealt out in turn."""
    hands: list[list[Packet]] = [[] for _ in range(count)]
    for place, packet in enumerate(packets):
        hands[place % count].append(packet)
    return [Feed(hand) for hand in hands]


def sharing(
    feeds: list[Feed],
    how: Sharing = Sharing.DEALT,
    others: dict[str, Feed] | None = None,
    worker: type = Doubling,
) -> Bench:
    """A pipeline in which these are the feeds of the ingesters that share the stream ``eiger``."""
    bench = Bench(others or {}, worker, settings=ControllerSettings(straggler_timeout=2.0))
    for index, feed in enumerate(feeds):
        bench.add_ingester("eiger", feed, name=f"eiger-{index}", ingesters=len(feeds), sharing=how)
    bench.until(bench.everyone_known)
    return bench


def of_each(frames: int) -> dict[int, dict[str, int]]:
    return {event: {"double": 2 * event, "gain": 1} for event in range(frames + 2)}


@pytest.mark.parametrize("count", [2, 3])
def test_a_stream_that_is_dealt_out_gives_the_run_that_one_ingester_gives(count: int) -> None:
    with sharing(dealt(series(FRAMES), count)) as bench:
        active = bench.play(uniform(["eiger"], FRAMES))
        assert counts(active) == (FRAMES + 2, 0, 0)
        assert bench.published["results"] == of_each(FRAMES)
        assert bench.published["count"] == FRAMES + 2 * 2


@pytest.mark.parametrize("count", [2, 3])
def test_of_a_stream_that_all_read_each_ingester_keeps_its_share(count: int) -> None:
    feeds = [Feed(series(FRAMES)) for _ in range(count)]
    with sharing(feeds, Sharing.ALL) as bench:
        active = bench.play(uniform(["eiger"], FRAMES))
        assert counts(active) == (FRAMES + 2, 0, 0)
        assert bench.published["results"] == of_each(FRAMES)
        shown = streams(bench.controller)["eiger"]
        assert (shown["packets"], shown["duplicates"], shown["gaps"]) == (FRAMES + 2, 0, 0)
        assert sum(one["packets"] for one in shown["shares"].values()) == FRAMES + 2


def test_a_frame_that_no_share_got_is_lost_and_the_other_stream_stays_in_step() -> None:
    whole = series(FRAMES)
    feeds = dealt([packet for packet in whole if packet.number != 7], 2)
    with sharing(feeds, others={"orca": Feed(series(FRAMES))}) as bench:
        active = bench.play(uniform(["eiger", "orca"], FRAMES))
        assert counts(active) == (FRAMES + 1, 0, 1)
        (loss,) = active.run.ledger.losses
        assert (loss.first, loss.stop) == (7, 8)
        assert "'eiger' skipped frame numbers: a gap in what the device sent" in loss.cause
        assert streams(bench.controller)["eiger"]["gaps"] == 1


def test_a_frame_that_came_to_two_shares_is_reduced_once() -> None:
    first, second = dealt(series(FRAMES), 2)
    second.arrivals.insert(3, first.arrivals[3])
    with sharing([first, second]) as bench:
        active = bench.play(uniform(["eiger"], FRAMES))
        assert counts(active) == (FRAMES + 2, 0, 0)
        assert bench.published["count"] == FRAMES + 2 * 2
        shown = streams(bench.controller)["eiger"]
        assert (shown["duplicates"], shown["packets"]) == (1, FRAMES + 2)


def test_an_open_ended_run_ends_with_the_series_whoever_sees_its_end() -> None:
    with sharing(dealt(series(FRAMES), 2)) as bench:
        active = bench.play(open_ended(["eiger"]))
        assert counts(active) == (FRAMES + 2, 0, 0)
        assert bench.published["results"] == of_each(FRAMES)


def test_a_stopped_run_works_off_what_the_shares_have_read() -> None:
    feeds = [Feed([start(), *(frame(n) for n in range(2, 11, 2))]), Feed(frame(n) for n in range(1, 10, 2))]
    with sharing(feeds) as bench:
        active = bench.arm(open_ended(["eiger"]))
        bench.until(lambda: bench.reduced() == 11)
        bench.controller.stop("enough")
        bench.until(lambda: active.finished)
        assert counts(active) == (11, 0, 0)
        assert [feed.closed for feed in feeds] == [1, 1]


def test_when_the_ingester_of_a_share_dies_what_it_held_is_lost_and_the_run_ends() -> None:
    feeds = [Feed([start()]), Feed([])]
    with sharing(feeds) as bench:
        active = bench.arm(uniform(["eiger"], FRAMES))
        bench.until(lambda: bench.reduced() == 1)
        bench.still.update({"worker-1", "worker-2"})
        feeds[0].send([frame(2), frame(4)])
        feeds[1].send([frame(1), frame(3)])
        bench.steps(30)
        bench.kill("eiger-0")
        bench.still.clear()
        feeds[1].send([*(frame(n) for n in range(6, FRAMES + 1)), end(FRAMES + 1)])
        bench.until(lambda: active.finished)
        reduced, failed, lost = counts(active)
        assert (reduced + lost, failed) == (FRAMES + 2, 0)
        # What it had sent to the workers before it died is theirs; what was on its way to it is lost.
        assert {(loss.first, loss.stop) for loss in active.run.ledger.losses} == {(5, 6)}
        assert (
            "the ingester 'eiger-0' of stream 'eiger' is gone with its share"
            in active.run.ledger.losses[0].cause
        )


def test_leases_are_fulfilled_again_from_the_shares_when_a_worker_dies() -> None:
    feeds = dealt(series(FRAMES), 2)
    with sharing(feeds) as bench:
        active = bench.arm(uniform(["eiger"], FRAMES))
        bench.until(lambda: bench.reduced() > 3)
        bench.kill("worker-1")
        bench.until(lambda: active.finished)
        assert counts(active) == (FRAMES + 2, 0, 0)
        assert bench.published["results"] == of_each(FRAMES)


def test_a_run_is_refused_when_not_all_of_those_that_share_are_there() -> None:
    with sharing(dealt(series(FRAMES), 2)) as bench:
        bench.end("eiger-1")
        bench.until(bench.everyone_known)
        refusal = bench.try_to_arm(uniform(["eiger"], FRAMES))
        assert isinstance(refusal, ArmingRefused)
        assert "'eiger' is split over 2 ingesters, but there are 1: eiger-0; start the others" in str(refusal)
        assert health(bench.controller)["ready"] is False


def test_two_ingesters_that_do_not_say_that_they_share_a_stream_are_refused() -> None:
    with Bench({"eiger": Feed(series(FRAMES))}) as bench:
        bench.add_ingester("eiger", Feed(series(FRAMES)), name="other")
        bench.until(bench.everyone_known)
        refusal = bench.try_to_arm(uniform(["eiger"], FRAMES))
        assert isinstance(refusal, ArmingRefused)
        assert "registered by eiger-ingester and other, which do not say that they share it" in str(refusal)


def test_an_ingester_whose_device_cannot_be_split_says_so() -> None:
    with Bench({}) as bench:
        bench.add_ingester("motors", Feed(series(FRAMES)), name="motors-1", ingesters=2)
        bench.add_ingester("motors", Feed(series(FRAMES)), name="motors-2", ingesters=2)
        bench.until(bench.everyone_known)
        bench.until(lambda: all(bench.member(f"motors-{n}").register.fault for n in (1, 2)))
        refusal = bench.try_to_arm(uniform(["motors"], FRAMES))
        assert isinstance(refusal, ArmingRefused)
        assert "the stream 'motors' cannot be split over 2 ingesters" in str(refusal)


def test_what_is_shown_of_streams_that_are_not_shared_is_as_before() -> None:
    with Bench({"eiger": Feed(series(FRAMES))}) as bench:
        bench.play(uniform(["eiger"], FRAMES))
        assert "shares" not in streams(bench.controller)["eiger"]
        assert "split_over" not in config(bench.controller)["ingesters"][0]


def test_each_ingester_of_a_shared_stream_is_shown_with_what_came_to_it() -> None:
    with sharing(dealt(series(FRAMES), 2)) as bench:
        bench.play(uniform(["eiger"], FRAMES))
        shares = streams(bench.controller)["eiger"]["shares"]
        assert {name: one["packets"] for name, one in shares.items()} == {"eiger-0": 16, "eiger-1": 16}
        assert [one["split_over"] for one in config(bench.controller)["ingesters"]] == [{"eiger": 2}] * 2
