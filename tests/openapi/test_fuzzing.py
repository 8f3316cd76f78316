"""Whatever is sent to controller and reducer of a real pipeline is answered, in time, as the document promises, and never with 500.

``BEAMLOOM_DEEP=1`` sends much more.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import requests
from hypothesis import strategies as st

from beamloom.control.answers.feedback import LONGEST_WAIT
from beamloom.placement import staff
from live.pipelines import Bench, Live, of_camera, running
from live.series import pictures
from support.patience import PATIENCE

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis: make install")

DEEP = "BEAMLOOM_DEEP" in os.environ
EXAMPLES = 200 if DEEP else 3
pytestmark = [pytest.mark.processes, pytest.mark.timeout(3600 if DEEP else 240)]


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """One with results. It starts few workers at once: hundreds would take the processors from all tests beside it."""
    monkeypatch.setattr(staff, "MOST_AT_ONCE", 2)
    with (
        Bench({"camera": ("stins", "tcp://127.0.0.1:*")}) as camera,
        running(of_camera(camera), settings={"arm_timeout": 0.2, "straggler_timeout": 0.2}) as live,
    ):
        live.arm({"parts": {"main": {"camera": [[{}]] * 5}}, "sequence": ["main"]})
        camera.play("camera", pictures(5))
        live.finished()
        yield live


def hurry(query: dict[str, Any]) -> None:
    """Results are waited for by their version, for ``timeout`` seconds; feedback for ``wait`` seconds. Wrong values stay as they are."""
    if "wait" in query and isinstance(query.get("timeout", 30), (int, float, str)):
        query["timeout"] = 0.05
    with contextlib.suppress(ValueError, TypeError):
        if 1 < float(query.get("wait", 0)) <= LONGEST_WAIT:
            query["wait"] = 1


def fuzz(url: str, known: dict[str, list[str]]) -> int:
    """Ask each operation; returns how many there are. ``known`` are values of parameters in paths that are there."""
    # What a map may name, and which paths there are, no schema can say.
    positive_data_acceptance = pytest.importorskip(
        "schemathesis.specs.openapi.checks"
    ).positive_data_acceptance
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json", timeout=PATIENCE)
    asked = 0
    wrong: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.definition.raw.get("x-endless"):
            continue

        @hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(hypothesis.HealthCheck),
            phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        )
        @hypothesis.given(case=operation.as_strategy(), real=st.data())
        def ask(case: Any, real: st.DataObject) -> None:
            for name in case.path_parameters or {}:
                # Most of what is made up leads nowhere.
                case.path_parameters[name] = real.draw(
                    st.sampled_from([case.path_parameters[name], *known.get(name, [])])
                )
            hurry(case.query or {})
            case.call_and_validate(timeout=PATIENCE, excluded_checks=[positive_data_acceptance])

        try:
            ask()
        except (BaseExceptionGroup, requests.RequestException) as failure:
            causes = getattr(failure, "exceptions", [failure])
            wrong += [f"{operation.label}: {cause!r}: {cause}" for cause in causes]
        asked += 1
    assert not wrong, "\n\n".join(wrong)
    return asked


def test_the_controller_answers_whatever_it_is_sent(pipeline: Live) -> None:
    assert fuzz(pipeline.placement.controller_url, {"name": ["gain", "roi", "a/b"]}) >= 25
    assert pipeline.get("progress")["phase"] in ("idle", "running", "stopping", "complete", "finished")
    assert pipeline.post("stop").status_code == 200
    pipeline.finished()


def test_the_reducer_answers_whatever_it_is_sent(pipeline: Live) -> None:
    url = pipeline.placement.reducer_url
    ids = [
        one
        for kind in ("groups", "datasets")
        for one in requests.get(f"{url}/{kind}", timeout=PATIENCE).json()[kind]
    ]
    paths = ["$", "$.times", "$.pictures", "$..*", "$.times['1']"]
    assert fuzz(url, {"id": ids, "path": paths, "name": ["times", "pictures"], "run": ["last"]}) >= 40
    answer = requests.get(
        f"{url}/api/v1/result/$.times", headers={"Accept": "application/json"}, timeout=PATIENCE
    )
    assert answer.status_code == 200
