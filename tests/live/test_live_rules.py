"""Runs start rules: with them, after them, and when their reducer asks; each works off every picture of the recording once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beamloom import NotPublished, connect
from live.analyses import asking
from live.pipelines import Bench, Live, of_camera, running, wait_until
from live.series import pictures_held, uniform_map

pytestmark = pytest.mark.processes
COUNT = 150


def rule(name: str, when: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "when": when,
        "rule": "asking:rows",
        "stream": "camera",
        "outputs": {"results": f"{name}.npy"},
        "arguments": {"chunk": 20},
        **more,
    }


def chains(live: Live) -> dict[str, Any]:
    """The chains of rules by their titles."""
    return {chain["title"]: chain for chain in live.get("rules")["chains"]}


def done(live: Live, title: str) -> int:
    """How many pictures a rule has worked off."""
    chain = chains(live).get(title)
    return 0 if chain is None else int(chain["steps"][0]["frames"]["done"])


def ended(live: Live) -> dict[str, Any]:
    """The chains, once all have ended."""
    wait_until(lambda: not live.get("rules?state=active")["chains"], "the end of the rules", live.state)
    return chains(live)


def test_rules_work_off_a_run_while_it_is_recorded_and_afterwards(camera: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    rules = [
        rule("during", "start"),
        rule("after", "end"),
        rule("asked", "asked", outputs={"results": "{{label}}.npy"}),
    ]
    settings = {"state_dir": str(tmp_path / "state"), "rules_workers": 1}
    gate = threading.Event()
    with running(
        of_camera(camera),
        worker="asking:Worker",
        reducer="asking:Reducer",
        recording={"prefix": f"{folder}/"},
        rules=rules,
        settings=settings,
    ) as live:
        run = live.arm(uniform_map(["camera"], COUNT))
        camera.play("camera", pictures_held(COUNT, {100: gate}), rate=500)
        wait_until(lambda: done(live, "during") >= 80, "the first pictures", lambda: str(live.get("rules")))
        wait_until(lambda: "asked" in chains(live), "what the reducer asks for", live.state)
        assert "after" not in chains(live)
        assert not live.progress()["finished"]
        gate.set()
        live.finished()
        wait_until(lambda: "after" in chains(live), "the rule of the end", live.state)
        found = ended(live)
        with connect(live.placement.controller_url) as pipeline:
            shown = pipeline.result["rules/after/results"]
            assert list(shown) == ["frame", "event", "value"]
            assert shown["value"][40:43].tolist() == [40, 41, 42]
            assert pipeline.result["$.rules['asked'].results.event"][:2].tolist() == [1, 2]
            with pytest.raises(NotPublished, match="afterwards"):
                pipeline.result["rules/afterwards"]
    assert {title: chain["state"] for title, chain in found.items()} == dict.fromkeys(
        ("during", "after", "asked"), "done"
    )
    assert {chain["by"] for chain in found.values()} == {f"run {run}"}
    tables = [np.load(folder / name) for name in ("during.npy", f"at-{asking.ASKS_AT}.npy", "after.npy")]
    assert tables[0]["frame"].tolist() == list(range(COUNT))
    assert tables[0]["event"].tolist() == list(range(1, COUNT + 1))
    assert tables[0]["value"].tolist() == list(range(COUNT))
    assert all((table == tables[0]).all() for table in tables)
