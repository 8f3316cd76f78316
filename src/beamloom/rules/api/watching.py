"""Shows how rules go on, in a notebook or a terminal: one thread for all, which ends when all rules that it watches have ended."""

from __future__ import annotations

import html
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

PACE: Final = 0.5
"""Seconds between two looks."""


class Watched(Protocol):
    """A pushed rule."""

    def status(self) -> dict[str, Any]: ...


class RuleWatcher:
    """Watches rules, each shown by itself; ``show`` takes the statuses that have changed."""

    def __init__(self, show: Callable[[Sequence[Mapping[str, Any]]], None] | None = None) -> None:
        self._show = show or _show
        self._rules: list[Watched] = []
        self._shown: dict[int, Mapping[str, Any]] = {}
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def watch(self, rule: Watched) -> None:
        """Show this rule, too, until it has ended."""
        with self._turn:
            self._rules.append(rule)
            if self._thread is None:
                self._stop.clear()
                self._thread = threading.Thread(target=self._watch, name="rules-watcher", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Watch nothing any more."""
        self._stop.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def look(self) -> bool:
        """Show what has changed; whether there is more to come."""
        with self._turn:
            rules = list(self._rules)
        statuses = [rule.status() for rule in rules]
        self._changed(statuses)
        with self._turn:
            ended = {id(rule) for rule, status in zip(rules, statuses, strict=True) if status["finished"]}
            self._rules = [rule for rule in self._rules if id(rule) not in ended]
            return bool(self._rules)

    def _changed(self, statuses: Sequence[Mapping[str, Any]]) -> None:
        news = [status for status in statuses if self._is_news(status)]
        if news:
            self._show(news)

    def _is_news(self, status: Mapping[str, Any]) -> bool:
        known = self._shown.get(status["ID"])
        told = ("state", "frames", "trouble")
        self._shown[status["ID"]] = status
        return known is None or any(known[name] != status[name] for name in told)

    def _watch(self) -> None:
        from beamloom.rules.errors import RuleError

        while True:
            try:
                self.look()
            except RuleError as error:  # the engine was closed
                sys.stderr.write(f"{error}\n")
                self._stop.set()
            with self._turn:
                if not self._rules or self._stop.is_set():
                    self._rules.clear()
                    self._thread = None
                    return
            self._stop.wait(PACE)


class RuleGroupWatcher(RuleWatcher):
    """Watches rules together: whenever one of them has changed, all are shown, in one table for each cell of a notebook."""

    def __init__(self, show: Callable[[Sequence[Mapping[str, Any]]], None] | None = None) -> None:
        super().__init__(show)
        self._group: dict[int, Mapping[str, Any]] = {}

    def register(self) -> None:
        """In IPython: begin a new table with each cell."""
        try:
            shell = get_ipython()  # type: ignore[name-defined]
        except NameError:
            return
        shell.events.register("pre_run_cell", lambda *_: self._group.clear())

    def _changed(self, statuses: Sequence[Mapping[str, Any]]) -> None:
        news = [status for status in statuses if self._is_news(status)]
        self._group |= {status["ID"]: status for status in statuses}
        if news:
            self._show(list(self._group.values()))


def row(status: Mapping[str, Any]) -> str:
    """One row of a table in HTML: name, state, progress, rate, what failed."""
    frames = status["frames"]
    cells = [status["name"], status["state"], line(status)]
    errors = "; ".join(f"{one['kind']}: {one['message']} ({one['chunks']})" for one in status["errors"])
    whole = max(1, frames["final"] or frames["released"])
    bar = f'<progress max="{whole}" value="{frames["done"]}"></progress>'
    return (
        "<tr>"
        + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells)
        + f"<td>{bar}</td><td>{html.escape(errors)}</td></tr>"
    )


def line(status: Mapping[str, Any]) -> str:
    """How far a rule is, in a few words."""
    frames = status["frames"]
    whole = "?" if frames["final"] is None else frames["final"]
    words = [f"{frames['done']} of {whole}"]
    if frames["failed"]:
        words.append(f"{frames['failed']} failed")
    if status["rate"]:
        words.append(f"{status['rate']:.0f}/s")
    if status["eta"]:
        words.append(f"{status['eta']:.0f} s to go")
    return ", ".join([*words, *filter(None, [status["trouble"], status["reason"]])])


def _show(statuses: Sequence[Mapping[str, Any]]) -> None:
    if "IPython" in sys.modules and _in_notebook():
        from IPython.display import HTML, display, update_display  # type: ignore[import-not-found]

        shown = HTML("<table>" + "".join(map(row, statuses)) + "</table>")
        name = f"beamloom-rules-{statuses[0]['ID']}"
        if name in _DISPLAYS:
            update_display(shown, display_id=name)
        else:
            _DISPLAYS.add(name)
            display(shown, display_id=name)
        return
    for status in statuses:
        sys.stderr.write(f"{status['name']}: {status['state']}, {line(status)}\n")


def _in_notebook() -> bool:
    shell = sys.modules["IPython"].get_ipython()
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


_DISPLAYS: Final[set[str]] = set()
rule_watcher: Final = RuleGroupWatcher()
"""The watcher of ``Rule.watch``."""
