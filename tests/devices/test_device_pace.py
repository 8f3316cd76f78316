"""Simulators send at their rate, and do not hurry after somebody has made them wait."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from beamloom.devices.simulating import pace


def test_each_is_due_one_interval_after_the_last_and_a_long_delay_is_not_made_up_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0

    def wait(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now))
    kept, due = pace.Pace(4.0, wait), []
    for busy in (0.0, 0.125, 0.0, 3.0, 0.0, 0.0, 0.0):
        kept.wait()
        due.append(now)
        now += busy
    # After 3 s in which nobody read, two go out at once, and those behind them at the rate again.
    assert due == [100.0, 100.25, 100.5, 100.75, 103.75, 103.75, 104.0]
