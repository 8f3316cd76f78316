"""Reduce the recording of a run again, with other parameters or other code, and show the result beside the one that was live.

RUN is the id of a run or its beginning, 'last', or the path of a recording. What is not named is as it was in the run: its classes, and its
parameters from their events on. Nothing is shown before the new result is whole; Ctrl-C leaves no trace of it. The exit status is 1 where
something failed in your code, unless --max-failed allows for it.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from beamloom.cli._pipelines import add_url_option, processes_at
from beamloom.cli._words import content_of, name_and_value
from beamloom.errors import UsageError

if TYPE_CHECKING:
    from beamloom.replay import ReplayReport
    from beamloom.reprocessing import Again, Publisher, RecordedRun
    from beamloom.results.record import RunRecord

EXAMPLE = """\
beamloom reprocess last --set threshold=5
beamloom reprocess 70b3ce40 --analysis . --events 0:1000
beamloom reprocess recordings/eiger-ingester-70b3ce40-6e3e-4931-8dbc-245334e26eae.cbors --set threshold=5 -o again.h5"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which run, and what is to be other than it was."""
    parser.add_argument(
        "run", metavar="RUN", help="its id or the beginning of it, 'last', or the path of a recording"
    )
    parser.add_argument(
        "--set",
        metavar="NAME=VALUE",
        nargs="+",
        action="extend",
        default=[],
        dest="values",
        help="parameters that hold for all events instead of the recorded ones; NAME=@PATH takes the content of a file",
    )
    parser.add_argument(
        "--analysis",
        metavar="FOLDER",
        type=Path,
        help="import the classes from here (default: where the run had them from)",
    )
    parser.add_argument("--worker", metavar="MODULE:CLASS", help="another worker class")
    parser.add_argument("--reducer", metavar="MODULE:CLASS", help="another reducer class")
    parser.add_argument(
        "--events", metavar="A:B", help="only events from A up to B, without B; either may be left out"
    )
    parser.add_argument(
        "-j",
        "--nworkers",
        metavar="N",
        type=int,
        help="number of workers, which take turns in this process (default: as many as the run had)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="save the result here, too (.h5)")
    add_url_option(parser)
    parser.add_argument(
        "--max-failed",
        metavar="N|N%",
        default="",
        help="as many events, or such a share of them, may fail; more make the result degraded (default: none)",
    )
    parser.add_argument(
        "--capsules",
        metavar="FOLDER",
        help="keep calls that fail here, for 'beamloom debug' (default: in your folder for state; '' keeps none)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Find the recording, reduce it again, hand the result over."""
    from beamloom.cli import logs
    from beamloom.cli._replay_report import Teller
    from beamloom.cli.replay import capsules_folder_of, only_news
    from beamloom.reprocessing import Again, Wish
    from beamloom.reprocessing.publishing import check_file

    logs.start("reprocess", "WARNING")
    only_news()
    if arguments.output is not None:
        check_file(arguments.output)
    wish = Wish(
        values_of(arguments.values),
        arguments.worker,
        arguments.reducer,
        arguments.analysis,
        _events(arguments.events),
        arguments.nworkers,
    )
    with ExitStack() as until_the_end:
        publisher, recorded = _found(arguments, until_the_end)
        with Teller().reading():
            again = Again(
                recorded,
                wish,
                capsules=capsules_folder_of(arguments.capsules),
                max_failed=arguments.max_failed,
            )
        report = _made(again, publisher)
        if report is None:
            return 130
        _publish(again, report, publisher, arguments.output)
        return 0 if report.clean else 1


def _found(arguments: argparse.Namespace, until_the_end: ExitStack) -> tuple[Publisher | None, RecordedRun]:
    """The recording, and where its result goes; connections are closed with ``until_the_end``."""
    from beamloom.errors import PipelineError
    from beamloom.reprocessing import Publisher, recorded_at, recorded_run

    path = Path(arguments.run)
    by_path = path.exists() or "/" in arguments.run or arguments.run.endswith((".cbors", ".gz", ".part"))
    recorded = recorded_at(path) if by_path else None
    try:
        processes = until_the_end.enter_context(processes_at(arguments.url))
        return Publisher(processes), recorded or recorded_run(arguments.run, processes.controller)
    except PipelineError as error:
        if recorded is None:
            raise
        if arguments.output is None:
            raise UsageError(
                f"nobody could show the result ({error}); name a file for it with -o, or the pipeline with --url"
            ) from error
        return None, recorded


def _made(again: Again, publisher: Publisher | None) -> ReplayReport | None:
    """What came of it; None where it was interrupted."""
    from beamloom.cli._replay_report import Teller

    class Following(Teller):
        """Tells the pipeline, too."""

        done = -1

        def begun(self) -> None:
            # What goes to several workers counts several times here.
            self.done = min(self.done + 1, again.total)
            super().progress(self.done, again.total)
            if publisher is not None:
                publisher.tell(again.told(self.done))

        def progress(self, settled: int, total: int) -> None:
            """Nothing: one turn of a worker may take long."""

    following = Following()
    if publisher is not None:
        publisher.tell(again.told(0), now=True)
    try:
        return again.run(following)
    except BaseException as error:
        following.withdraw()
        if publisher is not None:
            publisher.tell(again.told(max(following.done, 0), given_up=True), now=True)
        if not isinstance(error, KeyboardInterrupt):
            raise
        done = f"{max(following.done, 0)} of {again.total} events"
        print(
            f"interrupted after {done}; nothing of it is shown, run {again.recorded.run} is as it was",
            file=sys.stderr,
        )
        return None


def _publish(again: Again, report: ReplayReport, publisher: Publisher | None, output: Path | None) -> None:
    """Save the result and hand it over, and say where it is. Of these two, one is done though the other fails."""
    from beamloom.errors import UserError
    from beamloom.reprocessing.publishing import save

    record = again.record(report)
    what = ", ".join(f"{name.lstrip(':')}={value}" for name, value in again.wish.changed.items())
    print(f"run {again.recorded.run}, reduced again{' with ' + what if what else ''}, is {again.run_id}")
    not_saved: UserError | None = None
    if output is not None:
        try:
            print(f"saved:   {save(output, record, report.publish)}")
        except UserError as error:
            not_saved = error
    if publisher is not None:
        _hand_over(again, report, record, publisher, saved=output is not None and not_saved is None)
    if not_saved is not None:
        raise not_saved


def _hand_over(
    again: Again, report: ReplayReport, record: RunRecord, publisher: Publisher, *, saved: bool
) -> None:
    from beamloom.errors import UserError

    try:
        where = publisher.hand_in(record, report.publish)
    except UserError as error:
        publisher.tell(again.told(again.total, given_up=True), now=True)
        hint = "" if saved else "; save it with -o FILE.h5 instead"
        raise UserError(f"the result cannot be shown beside the live one: {error}{hint}") from error
    publisher.conclude(again.told(again.total, report))
    print(f"result:  {where}")
    print(f"compare: {publisher.comparison(again.recorded.run, again.run_id)}")


def values_of(words: list[str]) -> dict[str, bytes]:
    """Parameters from words of the form NAME=VALUE. Raises UsageError."""
    values: dict[str, bytes] = {}
    for word in words:
        name, value = name_and_value(word)
        values[name] = content_of(Path(value[1:])) if value.startswith("@") else value.encode()
    return values


def _events(text: str | None) -> tuple[int, int | None] | None:
    if text is None:
        return None
    first, colon, stop = text.partition(":")
    if not colon or not all(part == "" or part.isdecimal() for part in (first, stop)):
        raise UsageError(
            f"--events {text!r} is no range; name the first event and the one behind the last, such as 0:100"
        )
    return int(first or 0), int(stop) if stop else None
