"""Who takes part, and who has not been heard for long."""

from __future__ import annotations

from beamloom.services.controller.ensemble import Ensemble
from beamloom.transport.messages import Register

TIMEOUT = 1.0


def test_who_is_silent_is_told_at_each_look_until_he_is_heard_or_gone() -> None:
    ensemble = Ensemble()
    quiet, loud = (
        ensemble.add(name, Register(name, "worker", "", "here", 1, "0"), 0.0)[0] for name in ("quiet", "loud")
    )
    assert ensemble.silent(TIMEOUT, TIMEOUT) == []
    loud.heard(1.2)
    assert ensemble.silent(1.3, TIMEOUT) == [quiet]
    assert ensemble.silent(1.4, TIMEOUT) == [quiet]
    quiet.heard(1.5)
    assert ensemble.silent(2.3, TIMEOUT) == [loud]
    ensemble.remove("loud")
    assert ensemble.silent(2.4, TIMEOUT) == []
    ensemble.add("late", Register("late", "worker", "", "here", 1, "0"), 2.0)
    assert [one.name for one in ensemble.silent(3.1, TIMEOUT)] == ["quiet", "late"]
