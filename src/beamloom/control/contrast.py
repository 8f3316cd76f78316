"""Runs for the scans of contrast: ``arm_scans("http://beamline:5000")`` in the script that sets up the beamline, and each scan has one.

contrast's scans are classes that generate their positions and share one ``run``. That is wrapped: the positions are generated first and
counted, the run is armed, and the scan goes through them as it would have. Where the analysis has decided, no more positions are given, and
contrast ends the scan as if it had been through. The points themselves come over contrast's own stream recorder, device ``contrast``.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from beamloom.client import Pipeline, connect
from beamloom.control.scanning.arming import TIMEOUT, KnownStreams, end_run, map_of_scan, streams_of_scan
from beamloom.control.scanning.deciding import Decider
from beamloom.errors import UserError

MOST_POSITIONS = 1_000_000
"""A scan that generates more is one without an end, and its run is open."""


def frames_of_flyscan(scan: Any) -> int:
    """Frames at each position: in a fly scan, where each position is a line, one more than its intervals."""
    return int(getattr(scan, "fastmotorintervals", 0)) + 1


class ScanArmer:
    """Gives each scan a run."""

    def __init__(
        self,
        url: str,
        detectors: Callable[[], Iterable[str]],
        *,
        streams: Sequence[str] = (),
        frames: Callable[[Any], int] = frames_of_flyscan,
        found: str | None = None,
        optional: bool = False,
        say: Callable[[str], object] = print,
    ) -> None:
        """``detectors`` gives the names of those that are active; the rest is as of ``arm_scans``."""
        self._url = url
        self._detectors = detectors
        self._more = streams
        self._frames = frames
        self._found = found
        self._optional = optional
        self._say = say

    def install(self, scan_class: type) -> None:
        """Have all scans of this class, and of those that derive from it, armed. Once more replaces what was installed before."""
        run = scan_class.run  # type: ignore[attr-defined]
        original = getattr(run, "__wrapped__", run)

        @functools.wraps(original)
        def armed_run(scan: Any) -> Any:
            return self._run(scan, original)

        scan_class.run = armed_run  # type: ignore[attr-defined]

    def _run(self, scan: Any, original: Callable[[Any], Any]) -> Any:
        with ExitStack() as closing:
            positions = list(itertools.islice(scan._generate_positions(), MOST_POSITIONS + 1))
            frames = self._frames(scan)
            endless = len(positions) > MOST_POSITIONS
            try:
                pipeline = closing.enter_context(connect(self._url, timeout=TIMEOUT))
                run = self._arm(pipeline, None if endless else len(positions), frames)
            except UserError as error:
                if not self._optional:
                    raise
                self._say(f"this scan is not analysed: {error}")
                return original(scan)
            self._say(f"run {run} is armed")
            motor = scan.motors[0].name if scan.motors else ""
            decider = closing.enter_context(Decider(pipeline, run, motor, self._found))
            given = _Given(scan._generate_positions() if endless else positions, decider)
            scan._generate_positions = given.positions
            try:
                return original(scan)
            finally:
                del scan._generate_positions
                self._end(pipeline, run, given, frames)
                if decider.is_over:
                    where = "" if decider.position is None else f": {motor} at {decider.position:g}"
                    self._say(f"the analysis has decided after {given.count} positions{where}")

    def _arm(self, pipeline: Pipeline, positions: int | None, frames: int) -> str:
        known = KnownStreams.of(pipeline, "contrast")
        streams = streams_of_scan(self._detectors(), self._more, known, 'arm_scans(..., streams=["eiger"])')
        return pipeline.arm(map_of_scan(streams, known.records, positions, frames))

    def _end(self, pipeline: Pipeline, run: str, given: _Given, frames: int) -> None:
        try:
            end_run(pipeline, run, given.count * frames, through=given.is_through)
        except UserError as error:
            self._say(f"the run of this scan could not be ended: {error}")


class _Given:
    """Gives a scan its positions until the analysis has decided, and knows how many it took."""

    def __init__(self, positions: Iterable[Any], decider: Decider) -> None:
        self._positions = positions
        self._decider = decider
        self.count = 0
        self.is_through = False
        """Whether the scan has taken all, and has come back for more."""

    def positions(self) -> Iterator[Any]:
        """What the scan goes through."""
        for position in self._positions:
            if self._decider.is_over:
                return
            self.count += 1
            yield position
        self.is_through = True


def arm_scans(
    url: str,
    *,
    streams: Sequence[str] = (),
    frames: Callable[[Any], int] = frames_of_flyscan,
    found: str | None = None,
    optional: bool = False,
) -> None:
    """Have each scan of contrast begin a run of the pipeline whose controller is at ``url``.

    Its streams are the active detectors that are named as streams of the pipeline, those in ``streams``, and the record of contrast.
    ``frames`` says how many frames the detectors send at each position of a scan. A scan ends early when the analysis says ``stop``, or
    when the result at the path ``found`` is a number. With ``optional`` scans go on where no run can be begun. A token is taken from
    BEAMLOOM_TOKEN.
    """
    from contrast.detectors import Detector
    from contrast.scans import SoftwareScan

    # It was get_active_detectors before 2020.
    active = getattr(Detector, "get_active", None) or Detector.get_active_detectors

    def names() -> list[str]:
        return [detector.name for detector in active()]

    armer = ScanArmer(url, names, streams=streams, frames=frames, found=found, optional=optional)
    armer.install(SoftwareScan)
