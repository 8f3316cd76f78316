"""What the ingesters of a run report of their streams: kept for those who look, told to the engine."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from beamloom.engine.runs.run import Run
from beamloom.engine.streams.losses import StreamCounts
from beamloom.engine.streams.shares import ShareReport
from beamloom.engine.views.chronicle import Chronicle
from beamloom.services.controller.share_counts import joined, sum_of
from beamloom.services.shell.membership import name_of
from beamloom.transport.messages import Progress


class StreamReports:
    """The latest reports of one run."""

    def __init__(self, run: Run, chronicle: Chronicle) -> None:
        self._run = run
        self._chronicle = chronicle
        self._former: dict[str, StreamCounts] = {}
        self._before: dict[str, StreamCounts] = {}
        """Those as they were before the last ingester took a stream up."""
        self.by_stream: dict[str, Progress] = {}
        """The latest report of each stream; of one that several ingesters share, put together from theirs."""
        self.by_share: dict[str, dict[str, Progress]] = {}
        """The latest report of each ingester of the streams that are shared, by its name."""

    def hear(self, sender: str, progress: Progress, now: float) -> None:
        """An ingester reports of one of its streams."""
        if progress.stream in self._run.shares:
            self._hear_share(sender, progress, now)
            return
        run, stream = self._run, progress.stream
        self._count(progress)
        self._chronicle.missing(progress.losses)
        self._hear_given_up(progress)
        run.lost(progress.losses)
        if progress.bearing is not None and progress.bearing != run.standing[stream].bearing:
            run.bearing(stream, progress.bearing)
        if progress.stopped:
            run.stopped(stream, progress.complete_until, progress.seen_until, now)
        else:
            run.progress(
                stream,
                progress.complete_until,
                progress.seen_until,
                ended=progress.ended,
                now=now,
                blocked=progress.blocked,
            )
        if progress.astray is not None:
            run.stream_gone(stream, progress.astray, now, final=True)

    def _count(self, progress: Progress) -> None:
        """Keep the latest report, which counts what earlier ingesters of the stream have counted, too, and is as far as they were."""
        former = self._former.get(progress.stream)
        if former is not None:
            counts = sum_of(former, progress.counts)
            until = max(progress.complete_until, self._run.standing[progress.stream].complete_until)
            progress = msgspec.structs.replace(progress, counts=counts, complete_until=until)
        self.by_stream[progress.stream] = progress

    def _hear_given_up(self, progress: Progress) -> None:
        if progress.given_up:
            self._run.given_up(progress.stream, progress.given_up)

    def _hear_share(self, sender: str, progress: Progress, now: float) -> None:
        """One of the ingesters that share a stream reports."""
        if sender not in self._run.shares[progress.stream]:
            return
        self._hear_given_up(progress)
        report = ShareReport(
            progress.complete_until,
            progress.seen_until,
            progress.received,
            progress.losses,
            progress.excuses,
            progress.ended,
            progress.stopped,
            progress.blocked,
            progress.origin,
            progress.again,
        )
        self._run.share_progress(progress.stream, sender, report, now)
        self.by_share.setdefault(progress.stream, {})[name_of(sender)] = progress

    def join_shares(self) -> None:
        """Put the reports of those who share a stream together."""
        for stream, told in self.by_share.items():
            self.by_stream[stream] = joined(stream, self._run.shares[stream], told.values())

    def hand_over(self, streams: Iterable[str]) -> None:
        """Another ingester is about to go on with these streams, and counts from 0."""
        for stream in streams:
            if stream in self.by_stream:
                self._before[stream] = self._former.get(stream, StreamCounts())
                self._former[stream] = self.by_stream[stream].counts

    def count_on(self, streams: Iterable[str]) -> None:
        """It was the same ingester that took these streams up: what it has counted before, it still counts."""
        for stream in streams:
            if (before := self._before.pop(stream, None)) is not None:
                self._former[stream] = before
