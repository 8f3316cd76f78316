"""Start all processes of a pipeline file and keep them running until Ctrl-C: on this machine, or with --on dask on a Dask cluster.

Several files are several pipelines side by side, at one address: each below /pipelines/NAME, the first one also without.

A process that dies is started again. The first Ctrl-C ends everything in order, a second one at once; nothing is left behind.
With --on dask the section 'dask' of the file says which cluster, and which processes run there; it needs pip install 'beamloom[dask]'.
The exit status is 1 where more events of a run failed than max_failed allows (without it: any), as it is of a replay.
"""

from __future__ import annotations

import argparse
import logging
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from beamloom.errors import UsageError

if TYPE_CHECKING:
    from beamloom.pipeline_file import Dask, Pipeline
    from beamloom.placement import LocalPlacement, Screen

EXAMPLE = """\
beamloom up pipeline.yaml
beamloom up pipeline.yaml --check
beamloom up saxs.yaml waxs.yaml
beamloom up pipeline.yaml --on dask
beamloom up pipeline.yaml --systemd ~/.config/systemd/user"""

READY_SECONDS = 60.0
"""In which the processes find each other, unless some of them are jobs of a queue."""
CONSULT_SECONDS = 2.0
"""Between two questions what is wrong."""
UNIT_FOLDERS = ("/etc/systemd/system", str(Path("~/.config/systemd/user").expanduser()))
"""Where systemd looks by itself."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and what is shown."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="the pipeline file; 'beamloom schema --markdown' describes it. Several run side by side, and are shown at one address",
    )
    parser.add_argument(
        "--on",
        choices=["dask"],
        metavar="CLUSTER",
        help="run what the section 'dask' of the file names on its Dask cluster; the rest, and the controller, run here",
    )
    parser.add_argument(
        "--systemd",
        metavar="FOLDER",
        help="start nothing: write units of systemd into FOLDER that keep the processes running, and say how to start them",
    )
    parser.add_argument(
        "--run-as",
        metavar="USER",
        help="with --systemd: units of the system, whose processes are this user's (by default they are for 'systemctl --user')",
    )
    parser.add_argument("--check", action="store_true", help="only say whether the file is right")
    parser.add_argument(
        "--logs", metavar="FOLDER", help="also write the output of each process to FOLDER/NAME.log"
    )
    parser.add_argument(
        "--plain", action="store_true", help="lines only, no table, as when the output is not a terminal"
    )
    parser.add_argument(
        "--ready-timeout",
        metavar="SECONDS",
        type=float,
        help=f"how long the processes may take to find each other (default {READY_SECONDS:g}; for ever where jobs wait in a queue)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run until told to end."""
    from beamloom.pipeline_file import read_pipeline
    from beamloom.placement import LocalPlacement, layout_of, screen_on

    if arguments.run_as and not arguments.systemd:
        raise UsageError("--run-as goes with --systemd FOLDER, into which units of the system are written")
    if len(arguments.files) > 1:
        from beamloom.cli._side_by_side import up

        return up(arguments.files, arguments, arguments.ready_timeout or READY_SECONDS)
    (file,) = arguments.files
    pipeline = read_pipeline(file)
    dask = pipeline.dask if arguments.on else None
    if arguments.on and arguments.systemd:
        raise UsageError("--on and --systemd are two ways to keep processes running; give one of them")
    if arguments.on and dask is None:
        raise UsageError(
            f"{file} does not say which Dask cluster; add 'dask: {{scheduler: tcp://node1:8786}}', or, to try it on this "
            "machine, 'dask: {cluster: local}'"
        )
    if arguments.check:
        print(f"{file} is right: {len(layout_of(pipeline).processes)} processes")
        return 0
    if arguments.systemd:
        return _write_units(arguments, pipeline)
    screen = screen_on(sys.stdout, plain=arguments.plain)
    logs = Path(arguments.logs) if arguments.logs else None
    if dask is None:
        placement = LocalPlacement(pipeline, screen=screen, logs=logs)
        return supervise(placement, screen, arguments.ready_timeout or READY_SECONDS)
    return _on_dask(dask, pipeline, screen, logs, arguments.ready_timeout)


def _on_dask(
    dask: Dask, pipeline: Pipeline, screen: Screen, logs: Path | None, ready_timeout: float | None
) -> int:
    from beamloom.placement import LocalPlacement
    from beamloom.placement.dask import GROUND, DaskSite, layout_on

    with DaskSite(dask) as site:
        # What its log tells of workers that are lost is told by us, in our words.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        layout = layout_on(site, pipeline)
        placement = LocalPlacement(layout, screen=screen, logs=logs, grounds={GROUND: site.ground})
        return supervise(placement, screen, ready_timeout or (math.inf if site.queued else READY_SECONDS))


def _write_units(arguments: argparse.Namespace, pipeline: Pipeline) -> int:
    from beamloom.placement import layout_of
    from beamloom.placement.systemd import write_units

    folder = Path(arguments.systemd).expanduser().absolute()
    working = Path(arguments.files[0]).absolute().parent
    target, *services = write_units(layout_of(pipeline), folder, working, arguments.run_as or "")
    systemctl = "systemctl" if arguments.run_as else "systemctl --user"
    print(f"{target.name} and {len(services)} services are in {folder}; start them, and watch what they say:")
    if str(folder) not in UNIT_FOLDERS:
        print(f"  {systemctl} link {folder / target.stem}*")
    print(f"  {systemctl} daemon-reload")
    print(f"  {systemctl} enable --now {target.name}")
    print(f"  journalctl {'' if arguments.run_as else '--user '}--follow --unit '{target.stem}-*'")
    if not arguments.run_as:
        print("They end when you log out, unless: loginctl enable-linger")
    return 0


def supervise(placement: LocalPlacement, screen: Screen, ready_timeout: float) -> int:
    """Run the processes until this one is told to end; returns the exit status.

    Raises PlacementError, with everything ended, when they do not get ready.
    """
    from beamloom.cli._run_verdict import verdict
    from beamloom.cli._supervising import kept_up_to_date, told_to_end, welcome

    went_well = True
    with told_to_end(placement, screen) as end, kept_up_to_date(placement, screen), placement:
        if placement.wait_ready(ready_timeout, stopped=end.is_set):
            screen.say(welcome(placement))
            while not end.wait(CONSULT_SECONDS):
                placement.consult()
            lines, went_well = verdict(placement.ask)
            if lines:
                screen.say("\n".join(lines))
    return 0 if went_well else 1
