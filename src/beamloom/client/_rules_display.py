"""How chains of rules look in a notebook, and how one is shown while it goes on."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, Final

from beamloom.client._display import _BAD, _FAINT, _STYLE
from beamloom.client._rules_told import ChainStatus, StepStatus, error_lines, step_line
from beamloom.errors import PipelineError

PACE: Final = 0.5
"""Seconds between two looks."""
SIGNS: Final = {
    "waiting": "…",
    "running": "▶",
    "gathering": "▶",
    "done": "✓",
    "failed": "✗",
    "skipped": "–",
    "cancelled": "–",
}
"""Colour is never the only sign."""
_COLOURS: Final = {"done": "#2f7d4f", "failed": "#b93a22", "running": "#2563a8", "gathering": "#2563a8"}


class ChainWatch:
    """Shows a chain until it has ended, or until ``stop``: as one table of a notebook, or in lines on the standard error."""

    def __init__(self, status: Callable[[], ChainStatus]) -> None:
        self._status = status
        self._stop = threading.Event()
        self._shown: dict[int, str] = {}
        self._display: Any = _display()
        self._look()
        self._thread = threading.Thread(target=self._watch, name="chain-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Show no more; the chain goes on."""
        self._stop.set()
        self._thread.join()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the chain has ended."""
        self._thread.join(timeout)

    def _watch(self) -> None:
        while not self._stop.wait(PACE):
            try:
                if not self._look():
                    return
            except PipelineError as error:  # it may answer again
                self._say([f"{error}\n"])

    def _look(self) -> bool:
        """Show what has changed; whether more is to come."""
        told = self._status()
        if self._display is not None:
            self._display.update(_Html(chain_html(told)))
        else:
            self._say(f"{step}\n" for step in told.steps if self._shown.get(step.id) != step.state)
            self._shown = {step.id: step.state for step in told.steps}
        return told.state == "running"

    def _say(self, lines: Iterable[str]) -> None:
        sys.stderr.write("".join(lines))


class _Html:
    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text


def chain_html(chain: ChainStatus) -> str:
    """A chain with a line and a bar for each step."""
    steps = "".join(map(_step_html, chain.steps))
    by = f' <span style="{_FAINT}">by {escape(chain.by)}</span>' if chain.by else ""
    head = f"<div>chain {chain.id} <b>{escape(chain.title)}</b> {escape(chain.state)}{by}</div>"
    return f'<div style="{_STYLE}">{head}{steps}</div>'


def chains_html(chains: list[ChainStatus]) -> str:
    """Several chains, each to be unfolded; those that go on are open."""
    if not chains:
        return f'<div style="{_STYLE}"><span style="{_FAINT}">No rules yet: submit(...) starts some.</span></div>'
    rows = "".join(
        f"<details{' open' if chain.state == 'running' else ''}><summary>chain {chain.id} <b>{escape(chain.title)}</b> "
        f"{escape(chain.state)}</summary>{''.join(map(_step_html, chain.steps))}</details>"
        for chain in chains
    )
    return f'<div style="{_STYLE}">{rows}</div>'


def _step_html(step: StepStatus) -> str:
    colour = _COLOURS.get(step.state, "#55606e")
    total = max(1, step.frames.final or step.frames.released)
    bars = "".join(
        f'<div style="width:{100 * count / total:.2f}%;background:{_COLOURS[kind]}"></div>'
        for kind, count in (("done", step.frames.done), ("failed", step.frames.failed))
    )
    errors = "".join(f'<div style="{_BAD}">{escape(line)}</div>' for line in error_lines(step))
    files = "".join(
        f'<div style="{_FAINT}">{escape(one.key)}: <code>{escape(one.path)}</code></div>'
        for one in step.outputs
    )
    return (
        f'<div style="margin:.3em 0 .3em 1em"><span style="color:{colour}">{SIGNS.get(step.state, "")} '
        f"{escape(step.state)}</span> <b>{escape(step.name)}</b> {escape(step_line(step))}"
        f'<div style="display:flex;height:.5em;border-radius:.25em;overflow:hidden;background:#e8ecf0">{bars}</div>'
        f"{errors}{files}</div>"
    )


def _display() -> Any:
    """Where a notebook shows it; None outside of one."""
    if "IPython" not in sys.modules:
        return None
    shell = sys.modules["IPython"].get_ipython()
    if shell is None or type(shell).__name__ != "ZMQInteractiveShell":
        return None
    from IPython.display import display  # type: ignore[import-not-found]

    return display(_Html(""), display_id=True)
