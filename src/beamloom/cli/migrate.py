"""Read a repository of an existing analysis, run its recordings, and say what works, what is deprecated and what is shorter here.

Workers and reducers of dranspose run as they are; a monitor.yaml of OM and recipes of PYME are read as they are. The shorter forms
are those with which all replays gave the same. Code runs in a copy of the repository, in processes of its own; the repository itself
is changed by --apply alone. The exit status is 1 where something does not work.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from beamloom.cli._findings import add_json_argument
from beamloom.whole_files import write_whole

EXAMPLE = """\
beamloom migrate my-analysis
beamloom migrate my-analysis --patch shorter.patch
beamloom migrate my-analysis -w src.worker:Worker -r src.reducer:Reducer -f data/scan.cbors --json -"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which repository, and what is wanted of it."""
    parser.add_argument("path", metavar="PATH", help="the folder of the repository")
    parser.add_argument(
        "-w", "--workerclass", metavar="MODULE:CLASS", help="the worker class (default: all that are found)"
    )
    parser.add_argument(
        "-r", "--reducerclass", metavar="MODULE:CLASS", help="the reducer class (default: all that are found)"
    )
    parser.add_argument(
        "-f",
        "--files",
        metavar="FILE",
        nargs="+",
        action="extend",
        default=[],
        help="recordings of one run, relative to the repository (default: those that its tests replay, else all)",
    )
    parser.add_argument(
        "-p",
        "--parameters",
        metavar="FILE",
        help="parameters, relative to the repository (default: those beside)",
    )
    parser.add_argument(
        "--result-types",
        action="store_true",
        help="also offer result types for lists and sums; viewers find their values one level deeper then",
    )
    parser.add_argument(
        "--seconds",
        metavar="SECONDS",
        type=float,
        default=120.0,
        help="how long a replay may take (default %(default)g)",
    )
    parser.add_argument(
        "--patch",
        metavar="FILE",
        help="write the shorter forms as a patch, for 'git apply'; - to the standard output",
    )
    add_json_argument(parser)
    parser.add_argument("--apply", action="store_true", help="change the repository: what the patch says")


def run(arguments: argparse.Namespace) -> int:
    """Look, try and tell."""
    from beamloom.cli import logs
    from beamloom.cli._migrate_report import report
    from beamloom.cli._passing_line import PassingLine
    from beamloom.errors import UsageError
    from beamloom.migrating import Wish, apply, migrate

    logs.start("migrate", "CRITICAL")
    if arguments.json == "-" and arguments.patch == "-":
        raise UsageError(
            "--json and --patch cannot both go to the standard output; name a file for one of them"
        )
    line = PassingLine()
    try:
        found = migrate(
            Wish(
                path=arguments.path,
                worker=arguments.workerclass,
                reducer=arguments.reducerclass,
                files=tuple(arguments.files),
                parameters=arguments.parameters,
                seconds=arguments.seconds,
                result_types=arguments.result_types,
            ),
            line.say,
        )
    finally:
        line.close()
    for name, text in ((arguments.json, found.to_json() + b"\n"), (arguments.patch, found.patch.encode())):
        if name is not None and name != "-":
            _write(Path(name), text)
    if arguments.json == "-":
        print(found.to_json().decode())
    elif arguments.patch == "-":
        print(found.patch, end="")
    else:
        print("\n".join(report(found)))
    if arguments.apply:
        written = apply(found)
        if "-" not in (arguments.json, arguments.patch):
            print(f"written: {', '.join(written)}" if written else "there was nothing to write")
    return 1 if found.problems else 0


def _write(path: Path, text: bytes) -> None:
    from beamloom.errors import UsageError

    try:
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); name another file") from error
