"""Run a simulated mesh scan through a complete pipeline, about ten seconds, and check its maps against the truth.

Simulated devices play a scan of a sample that is known exactly. Six processes on this machine, a controller, two ingesters, two
workers and a reducer, turn it into element maps, which are read over HTTP while they grow. The exit status is 0 if every event was
reduced and the maps are those of the sample.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beamloom.demo.live import LiveScan
    from beamloom.demo.report import Outcome
    from beamloom.demo.sample import Sample
    from beamloom.demo.screen import DemoScreen

EXAMPLE = """\
beamloom demo
beamloom demo --keep --png maps.png
beamloom demo --record demo-scan"""

RATE = 110.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What else is made of the scan."""
    parser.add_argument("--png", metavar="FILE", type=Path, help="also draw the maps into a file")
    parser.add_argument(
        "--record", metavar="FOLDER", type=Path, help="record the scan into a folder, to be replayed"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the pipeline running after the scan, until Ctrl-C"
    )
    # For tests: a scan of another size.
    parser.add_argument("--mesh", metavar="COLUMNSxROWS", type=_mesh, help=argparse.SUPPRESS)
    parser.add_argument("--rate", metavar="HZ", type=float, default=RATE, help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; 0 if its check passes, 1 if not, 130 when told to end."""
    from beamloom.demo.live import live_scan
    from beamloom.demo.picture_file import check_can_draw, draw
    from beamloom.demo.report import how_to_go_on
    from beamloom.demo.sample import Sample
    from beamloom.demo.screen import screen_on

    if arguments.png:
        check_can_draw(arguments.png)
    if arguments.record:
        _check_folder(arguments.record)
    screen = screen_on(sys.stdout)
    sample = Sample(*arguments.mesh) if arguments.mesh else Sample()
    with _told_to_end() as told:
        try:
            with live_scan(sample, record=arguments.record, stopped=told) as live:
                outcome = scan(live, sample, screen, arguments.rate)
                if arguments.png:
                    draw(outcome, arguments.png)
                    screen.say(f"The picture is in {arguments.png}.")
                if arguments.keep:
                    _keep(live, screen)
        except KeyboardInterrupt:
            screen.say("\nThe demo was told to end before its scan was over; nothing of it is left running.")
            return 130
    if outcome.passed and not arguments.keep:
        screen.say("\n" + how_to_go_on(str(arguments.record) if arguments.record else None))
    return 0 if outcome.passed else 1


def scan(live: LiveScan, truth: Sample, screen: DemoScreen, rate: float) -> Outcome:
    """Run the scan and tell of it; ``truth`` is what its maps are held against."""
    from beamloom.demo.check import expected_maps
    from beamloom.demo.report import Outcome, report

    expected = expected_maps(truth)
    brightest = {element: float(picture.max()) for element, picture in expected.items()}
    sample = live.sample
    screen.say(
        f"A mesh scan of {sample.columns} x {sample.rows} points, {rate:g} points per second; "
        f"{live.processes} processes start ..."
    )
    ready = live.wait_ready()
    armed = live.arm()
    screen.say(f"They found each other in {ready:.1f} s; the scan was armed in {1000 * armed:.0f} ms.\n")
    begin = time.monotonic()
    live.play(rate)
    for moment in live.watch():
        screen.show(moment, brightest)
    screen.close()
    outcome = Outcome(moment, expected)
    screen.say(report(outcome, screen.style))
    screen.say(f"The scan took {time.monotonic() - begin:.1f} s.")
    if outcome.passed and (restarted := live.restarted()):
        screen.say(f"{', '.join(restarted)} died meanwhile and came back; no event was lost by it.")
    if not outcome.passed and (story := live.story()):
        screen.say(story)
    return outcome


def _keep(live: LiveScan, screen: DemoScreen) -> None:
    """Leave the pipeline up until told to end."""
    screen.say(
        "\nThe pipeline is up until you press Ctrl-C; look at it at\n"
        f"  controller  {live.controller_url}/\n"
        f"  progress    {live.controller_url}/api/v1/progress\n"
        f"  the map     {live.reducer_url}/api/v1/result/$.map?format=json"
    )
    try:
        live.pause()
    except KeyboardInterrupt:
        screen.say("\nThe pipeline ends.")


def _check_folder(folder: Path) -> None:
    from beamloom.errors import UsageError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"nothing can be recorded in {str(folder)!r}: {error.strerror}; name another folder"
        ) from error


def _mesh(text: str) -> tuple[int, int]:
    columns, rows = text.split("x")
    return int(columns), int(rows)


class _Told:
    """Whether a signal has told us to end. A flag and nothing else: signals interrupt the main thread anywhere, maybe inside a lock."""

    def __init__(self) -> None:
        self._told = False

    def __call__(self) -> bool:
        return self._told

    def tell(self, _number: int, _frame: Any) -> None:
        """The signal's handler; it is not called twice with different effect: ending takes a few seconds at most."""
        self._told = True


@contextmanager
def _told_to_end() -> Iterator[_Told]:
    """Ctrl-C, SIGTERM and SIGHUP end the demo in order, with nothing left behind."""
    told = _Told()
    before = {
        number: signal.signal(number, told.tell) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
