"""Run an analysis over recordings, in this process, exactly as it would run live.

The recorded trigger map is honoured where there is one. What fails in your code is reported with its event and traceback and the replay
goes on; the exit status is 1 then, unless --max-failed allows for it.
"""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from beamloom.cli._analysis_arguments import add_analysis_arguments

if TYPE_CHECKING:
    from beamloom.replay import Replay

EXAMPLE = "beamloom replay -w worker:FluorescenceWorker -r reducer:FluorescenceReducer -f recordings/*.cbors -p parameters.json"

STAYS = "stays until Ctrl-C"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is replayed, and how."""
    add_analysis_arguments(parser, required=True)
    parser.add_argument(
        "--detectors",
        metavar="FILE",
        help="detectors whose tiles are streams of their own: a pipeline file, or one with its detectors alone "
        "(default: those recorded beside the files)",
    )
    parser.add_argument(
        "--port", metavar="PORT", type=int, help="serve results and parameters on localhost (0: a free port)"
    )
    parser.add_argument("--keep-alive", action="store_true", help="stay after the end, until Ctrl-C")
    parser.add_argument(
        "--nworkers", metavar="N", type=int, default=2, help="number of workers (default %(default)s)"
    )
    parser.add_argument(
        "--watch", action="store_true", help="run again whenever the analysis or its parameters are saved"
    )
    parser.add_argument(
        "--max-failed",
        metavar="N|N%",
        default="",
        help="as many events, or such a share of them, may fail; more make the run degraded (default: none)",
    )
    parser.add_argument(
        "--on-max-failed",
        metavar="degrade|stop",
        choices=("degrade", "stop"),
        default="degrade",
        help="what becomes of the run then (default %(default)s)",
    )
    parser.add_argument(
        "--capsules",
        metavar="FOLDER",
        help="keep calls that fail here, for 'beamloom debug' (default: in your folder for state; '' keeps none)",
    )
    parser.add_argument(
        "--log-level",
        metavar="|".join(LEVELS),
        type=str.upper,
        choices=LEVELS,
        default=_usual_level(),
        help="least severity of what your code logs (default %(default)s, LOG_LEVEL)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Replay once, or again and again."""
    from beamloom.cli import logs
    from beamloom.cli._replay_report import Teller

    logs.start("replay", arguments.log_level)
    only_news()
    if arguments.watch:
        from beamloom.cli._replay_watch import Watch

        watch = Watch(lambda: _prepare(arguments, reload=True), arguments.port, arguments.parameters)
        return watch.run()
    teller = Teller(STAYS if arguments.keep_alive else None)
    with teller.reading():
        replay = _prepare(arguments)
    report = replay.run(port=arguments.port, keep_alive=arguments.keep_alive, audience=teller)
    return 0 if report.clean else 1


def _prepare(arguments: argparse.Namespace, *, reload: bool = False) -> Replay:
    from beamloom.pipeline_file import read_geometry
    from beamloom.replay import Replay

    return Replay(
        arguments.workerclass,
        arguments.reducerclass,
        arguments.files,
        source=arguments.source,
        parameters=arguments.parameters,
        detectors=read_geometry(arguments.detectors) if arguments.detectors else None,
        workers=arguments.nworkers,
        allow_pickle=arguments.allow_pickle,
        reload=reload,
        capsules=capsules_folder_of(arguments.capsules),
        max_failed=arguments.max_failed,
        on_max_failed=arguments.on_max_failed,
    )


def capsules_folder_of(given: str | None) -> Path | None:
    """Where calls that fail are kept, as --capsules says."""
    from beamloom.capsules import capsules_folder
    from beamloom.services.shell.state_folders import state_folder

    return None if given == "" else capsules_folder(given or "", state_folder(""))


def _usual_level() -> str:
    level = os.environ.get("LOG_LEVEL", "").upper()
    return level if level in LEVELS else "WARNING"


def only_news() -> None:
    """Have nothing logged twice that is told at the end."""
    for writer in logging.getLogger().handlers:
        writer.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a log line says what the report at the end does not: all that the analysis logs, and errors."""
    return record.levelno >= logging.ERROR or record.name.partition(".")[0] != "beamloom"
