"""``beamloom params set ... --again``: the run that goes on is reduced again from event 0, beside it, in this process."""

from __future__ import annotations

import sys

from beamloom.cli._pipelines import processes_at


def refuse_unless_it_can_be_followed(url: str) -> None:
    """Raises UsageError where no run goes on, or it is not recorded: before any parameter is changed."""
    from beamloom.reprocessing import recorded_run

    with processes_at(url) as processes:
        recorded_run("last", processes.controller, live=True)


def follow(url: str, values: list[str]) -> int:
    """Until the run ends; returns the exit status."""
    from beamloom.cli._passing_line import PassingLine
    from beamloom.cli.replay import capsules_folder_of
    from beamloom.cli.reprocess import values_of
    from beamloom.replay import Standing
    from beamloom.reprocessing import Publisher, Wish, recorded_run
    from beamloom.reprocessing.following import Follower, finished, made_ready

    line = PassingLine()

    class Shown(Follower):
        """Tells who looks at the terminal, too."""

        def stands(self, standing: Standing) -> None:
            super().stands(standing)
            line.say(f"{self.done} events are reduced again" + (f"; {self.problem}" if self.problem else ""))

    def say(text: str) -> None:
        line.close()
        print(text, flush=True)

    with processes_at(url) as processes:
        publisher = Publisher(processes)
        recorded = recorded_run("last", processes.controller, live=True)
        line.say("waiting for the first packets in the recording")
        again = made_ready(recorded, Wish(values_of(values)), capsules=capsules_folder_of(None))
        following = Shown(again, publisher, say)
        say(f"run {recorded.run} is reduced again from event 0; Ctrl-C gives that up")
        try:
            report = again.run(following)
        except BaseException as error:
            line.close()
            publisher.tell(again.told(following.done, given_up=True), now=True)
            if not isinstance(error, KeyboardInterrupt):
                raise
            back = "; the live result is shown again within 20 s" if following.shown else ""
            print(f"interrupted after {following.done} events{back}", file=sys.stderr)
            return 130
        line.close()
        where = finished(again, publisher, report)
        counts = report.counts
        print(
            f"the run is over: {counts.reduced} reduced, {counts.failed} failed, {counts.lost} lost; shown in its place"
        )
        print(f"result:  {where}")
        print(f"compare: {publisher.comparison(recorded.run, again.run_id)}")
    return 0 if report.clean else 1
