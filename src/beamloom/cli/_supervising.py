"""What commands that supervise a pipeline have in common: they keep what is seen up to date, and hear when they are to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from beamloom.placement import LocalPlacement, Screen
    from beamloom.placement.side_by_side import SideBySide

REDRAW_SECONDS = 0.5


def welcome(placement: LocalPlacement, at: str | None = None) -> str:
    """Where the pipeline is to be seen; ``at`` is where its controller is found, where that is not its own address."""
    layout = placement.layout
    places = {
        "controller and dashboard": at or layout.controller_url,
        "results": layout.reducer_url or placement.reducer_elsewhere(),
        "last events": layout.debugworker_url,
    }
    lines = [f"  {what:<26}{url}" for what, url in places.items() if url]
    return "\n".join([f"ready: {layout.title}", *lines])


@contextmanager
def kept_up_to_date(placement: LocalPlacement | SideBySide, screen: Screen) -> Iterator[None]:
    """The times in the table go on also while nothing happens."""
    enough = threading.Event()

    def redraw() -> None:
        while not enough.wait(REDRAW_SECONDS):
            placement.redraw()

    redrawing = threading.Thread(target=redraw, name="redraw", daemon=True)
    redrawing.start()
    try:
        yield
    finally:
        enough.set()
        redrawing.join()
        screen.close()


@contextmanager
def told_to_end(placement: LocalPlacement | SideBySide, screen: Screen) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C or SIGTERM sets; the second kills every process."""
    end = threading.Event()
    times = 0

    def first() -> None:
        end.set()
        screen.say("ending; Ctrl-C once more kills at once")

    def told(_number: int, _frame: Any) -> None:
        # The handler interrupts the main thread anywhere, maybe with the event's lock in its hand: a thread does the work.
        nonlocal times
        times += 1
        work = first if times == 1 else placement.stop_at_once
        threading.Thread(target=work, name="told-to-end", daemon=True).start()

    before = {
        number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
