"""Run an analysis over recordings, in this process, exactly as it would run live.

The recorded trigger map is honoured where there is one. What fails in your code is reported with its event and traceback and the replay
goes on; the exit status is 1 then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from beamloom.replay import ReplayReport

EXAMPLE = "beamloom replay -w worker:FluorescenceWorker -r reducer:FluorescenceReducer -f recordings/*.cbors -p parameters.json"

WATCHED = (".py", ".json", ".yaml", ".toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is replayed, and how."""
    parser.add_argument(
        "-w", "--workerclass", metavar="MODULE:CLASS", required=True, help="your worker class"
    )
    parser.add_argument(
        "-r", "--reducerclass", metavar="MODULE:CLASS", required=True, help="your reducer class"
    )
    parser.add_argument(
        "-f", "--files", metavar="FILE", nargs="+", default=[], help="recordings; .gz is read as well"
    )
    parser.add_argument(
        "-s", "--source", metavar="MODULE:CLASS", help="a class that makes records in code; wins over --files"
    )
    parser.add_argument("-p", "--parameters", metavar="FILE", help="parameter file: JSON, CBOR or pickle")
    parser.add_argument(
        "--port", metavar="PORT", type=int, help="serve results and parameters on localhost (0: a free port)"
    )
    parser.add_argument("--keep-alive", action="store_true", help="stay after the end, until Ctrl-C")
    parser.add_argument(
        "--nworkers", metavar="N", type=int, default=2, help="number of workers (default %(default)s)"
    )
    parser.add_argument(
        "--watch", action="store_true", help="run again whenever a file beside the analysis is saved"
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay once, or again and again."""
    from beamloom.cli import logs

    logs.start("replay", "ERROR")
    if arguments.watch:
        return _watch(arguments)
    return _once(arguments)


def _once(arguments: argparse.Namespace, *, reload: bool = False) -> int:
    from beamloom.replay import Replay

    replay = Replay(
        arguments.workerclass,
        arguments.reducerclass,
        arguments.files,
        source=arguments.source,
        parameters=arguments.parameters,
        workers=arguments.nworkers,
        reload=reload,
    )
    try:
        report = replay.run(port=arguments.port, keep_alive=arguments.keep_alive and not reload)
    except KeyboardInterrupt:
        return 0
    _tell(report)
    return 0 if report.clean else 1


def _tell(report: ReplayReport) -> None:
    from beamloom.control.views import as_text

    for group in report.failures:
        events = f" at event {as_text(group.events)}" if group.events else ""
        print(f"{group.failure.where} failed{events}:", file=sys.stderr)
        print(group.failure.traceback.rstrip(), file=sys.stderr)
    for cause, lost in report.losses:
        print(f"lost: event {as_text(lost)}: {cause}", file=sys.stderr)
    counts = report.counts
    print(
        f"{counts.total} events in {report.seconds:.2f} s: "
        f"{counts.reduced} reduced, {counts.failed} failed, {counts.lost} lost",
        flush=True,
    )


def _watch(arguments: argparse.Namespace) -> int:
    from beamloom.errors import UserError

    try:
        from watchfiles import watch
    except ImportError:
        raise UserError(
            "--watch needs the package watchfiles; install it with: pip install 'beamloom[watch]'"
        ) from None
    status = _attempt(arguments)
    print("waiting for a change; Ctrl-C ends")
    folder = Path.cwd()
    for changes in watch(
        folder, watch_filter=lambda change, path: path.endswith(WATCHED), raise_interrupt=False
    ):
        names = sorted({str(Path(path).relative_to(folder)) for _, path in changes})
        print(f"\n{', '.join(names)} changed")
        status = _attempt(arguments)
    return status


def _attempt(arguments: argparse.Namespace) -> int:
    from beamloom.errors import UserError

    try:
        return _once(arguments, reload=True)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
