"""Shows what the watcher sees until somebody ends it; keys change the view."""

from __future__ import annotations

import dataclasses
import time

from beamloom.client._http import Service
from beamloom.top.history import Moment
from beamloom.top.page import picture
from beamloom.top.paper import Paper
from beamloom.top.terminal import Terminal
from beamloom.top.view import Page, View, after
from beamloom.top.watching import Watcher

REDRAW_SECONDS = 1.0
"""Times go on also while nothing is heard."""


def show(controller: Service, interval: float, paper: Paper) -> None:
    """Until a key or a signal ends it; ``interval`` seconds are between two looks."""
    terminal = Terminal()
    watcher = Watcher(controller, interval, terminal.wake)
    with terminal.taken():
        watcher.start()
        try:
            _follow(terminal, watcher, paper)
        except OSError:
            # The terminal is gone, as when a connection breaks: there is nobody to tell.
            if not terminal.told_to_end:
                raise
        finally:
            watcher.close()


def _follow(terminal: Terminal, watcher: Watcher, paper: Paper) -> None:
    view = View()
    while not (view.over or terminal.told_to_end):
        columns, rows = terminal.size
        drawn = picture(_present(watcher.moment), view, columns, rows, paper)
        view = dataclasses.replace(view, first=drawn.first)
        terminal.draw(drawn.lines)
        for key in terminal.wait(REDRAW_SECONDS):
            view = after(view, key, drawn.rows)
        watcher.want_failures(view.page is Page.ERRORS)
        if watcher.problem is not None:
            raise watcher.problem


def _present(moment: Moment) -> Moment:
    return dataclasses.replace(moment, now=time.time())
