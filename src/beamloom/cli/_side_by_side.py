"""``beamloom up`` with several files: each pipeline is looked after by itself, until all are told to end.

A pipeline that cannot start, or whose processes do not find each other, is ended with its sentence; the others go on.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from beamloom.errors import UsageError, UserError

if TYPE_CHECKING:
    from beamloom.pipeline_file import Pipeline
    from beamloom.placement import LocalPlacement, Screen
    from beamloom.placement.side_by_side import SideBySide

NAMELESS: Final = "pipeline"
"""The name of a pipeline whose file says none."""
CONSULT_SECONDS: Final = 2.0
"""Between two questions what is wrong."""


def up(files: Sequence[str], arguments: argparse.Namespace, ready_timeout: float) -> int:
    """Run the pipelines of these files until told to end; returns the exit status."""
    from beamloom.pipeline_file import read_pipeline
    from beamloom.placement import layout_of, screen_on
    from beamloom.placement.side_by_side import SideBySide, check_names

    for flag, given in (("--on", arguments.on), ("--systemd", arguments.systemd)):
        if given:
            raise UsageError(
                f"{flag} takes one pipeline file; start each by itself, and show them at one address with 'beamloom front'"
            )
    pipelines = [_named(read_pipeline(file), file) for file in files]
    check_names(pipelines)
    if arguments.check:
        for file, pipeline in zip(files, pipelines, strict=True):
            print(f"{file} is right: {len(layout_of(pipeline).processes)} processes")
        return 0
    screen = screen_on(sys.stdout, plain=arguments.plain)
    side_by_side = SideBySide(pipelines, screen=screen, logs=Path(arguments.logs) if arguments.logs else None)
    return _Supervision(side_by_side, screen, ready_timeout).run()


def _named(pipeline: Pipeline, file: str) -> Pipeline:
    """One that has no name is called after its file."""
    if pipeline.name != NAMELESS:
        return pipeline
    return msgspec.structs.replace(pipeline, name=Path(file).stem)


class _Supervision:
    def __init__(self, side_by_side: SideBySide, screen: Screen, ready_timeout: float) -> None:
        self._all = side_by_side
        self._screen = screen
        self._ready_timeout = ready_timeout
        self._end = threading.Event()
        self._failed: dict[str, UserError] = {}

    def run(self) -> int:
        """Until told to end. Raises PlacementError where the front, or no pipeline at all, can be started."""
        from beamloom.cli._run_verdict import verdict
        from beamloom.cli._supervising import kept_up_to_date, told_to_end

        parts = self._all.parts
        bad = False
        with told_to_end(self._all, self._screen) as end, kept_up_to_date(self._all, self._screen), self._all:
            self._end = end
            if self._all.wait_front(self._ready_timeout, end.is_set):
                self._screen.say(
                    f"front {self._all.url}: each pipeline is below /pipelines/NAME, {next(iter(parts))} also without"
                )
            watching = [
                threading.Thread(target=self._attend, args=item, name=f"attends-{item[0]}")
                for item in parts.items()
            ]
            for thread in watching:
                thread.start()
            try:
                while not end.wait(CONSULT_SECONDS) and len(self._failed) < len(parts):
                    self._all.refuse_without_front()
            finally:
                end.set()
                for thread in watching:
                    thread.join()
            for name, part in parts.items():
                lines, well = verdict(part.ask)
                bad = bad or not well
                if lines:
                    self._screen.say("\n".join([f"{name}:", *lines]))
        if len(self._failed) == len(parts):
            raise next(iter(self._failed.values()))
        return 1 if bad or self._failed else 0

    def _attend(self, name: str, part: LocalPlacement) -> None:
        """Look after one pipeline; it is ended alone where it does not get ready."""
        from beamloom.cli._supervising import welcome

        try:
            if not part.wait_ready(self._ready_timeout, stopped=self._end.is_set):
                return
        except UserError as error:
            self._failed[name] = error
            part.stop()
            self._screen.say(f"{name} was ended, and the others go on: {error}")
            return
        self._screen.say(welcome(part, self._all.url_of(name)))
        while not self._end.wait(CONSULT_SECONDS):
            part.consult()
