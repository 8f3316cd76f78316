"""Have the workers go on with newer code, also in the middle of a run: what is in the files of the analysis now, or another class.

For each worker another one is started. When all of them are ready, they get all events from the next one on that has not been given out;
the others finish those before it, and leave. Where a newer one cannot work, nothing changes, and the reason is shown. Which code has made
which events is in the account of the run.
"""

from __future__ import annotations

import argparse

from beamloom.cli._pipelines import add_url_option, pipeline_at

EXAMPLE = """\
beamloom update
beamloom update --worker-class spectra:BetterWorker --url http://beamline:5000"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What takes over, and in which pipeline."""
    parser.add_argument(
        "-c",
        "--worker-class",
        default="",
        metavar="MODULE:CLASS",
        help="another worker class; by default the same one as its files are now",
    )
    parser.add_argument(
        "--edition",
        type=int,
        metavar="NUMBER",
        help="start nobody: workers that you have started with 'beamloom worker --edition NUMBER' take over now",
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="time in which the newer workers have to be ready (default: %(default)g)",
    )
    add_url_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask for it, and say from where on it holds."""
    with pipeline_at(arguments.url) as pipeline:
        print(pipeline.update(arguments.worker_class, arguments.edition, arguments.patience))
    return 0
