"""The rules as a notebook sees them: ``connect(url).rules``, of a service by itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from beamloom.client import Pipeline, connect
from beamloom.errors import NoController, PipelineError, RequestRefused, TimedOut
from rules.conftest import expected, frames
from support.patience import PATIENCE
from support.rules_service import served


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with served(tmp_path) as url, connect(url) as pipeline:
        yield pipeline


def written(data: Path, marker: Path) -> str:
    return f"""
        title: sums of a cell
        chain:
          - rule: fails_where_told
            name: look <closely>
            inputs: {{series: {data}/cell}}
            arguments: {{chunk: 10, parameters: {{bad: [3], marker: {marker}}}}}
          - rule: table
            name: sums
            inputs: {{series: {data}/cell}}
            outputs: {{results: {data}/sums.npy}}
    """


def test_a_chain_is_submitted_waited_for_repaired_and_its_file_fetched(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    chain = pipeline.rules.submit(written(tmp_path / "data", marker), key="one")
    assert pipeline.rules.submit(written(tmp_path / "data", marker), key="one").id == chain.id
    told = chain.wait(PATIENCE)
    assert (told.state, [step.state for step in told.steps]) == ("failed", ["failed", "skipped"])
    assert [(one.number, one.error) for one in chain.chunks("look <closely>", "failed")] == [
        (0, "frame 1 is bad")
    ]
    shown = pipeline.rules[chain.id]._repr_html_()
    assert "look &lt;closely&gt;" in shown
    assert "ValueError: frame 1 is bad (1 chunk)" in shown
    marker.unlink()
    assert chain.prioritise(3) == 0
    assert chain.retry_failed("look <closely>") == 1
    assert chain.wait(PATIENCE).state == "done"
    path = chain.save("sums", tmp_path)
    assert path == tmp_path / "sums.npy"
    assert (np.load(path)["sum"] == expected(frames(40))).all()
    assert "sums of a cell" in pipeline.rules._repr_html_()
    assert [one.id for one in pipeline.rules] == [chain.id]
    assert len(list(chain.chunks("sums"))) == 1


def test_a_chain_that_goes_on_is_watched_and_cancelled(
    pipeline: Pipeline, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = tmp_path / "marker"
    marker.touch()
    inputs = {"series": str(tmp_path / "data" / "cell")}
    held = {
        "rule": "holds",
        "name": "held",
        "inputs": inputs,
        "arguments": {"parameters": {"marker": str(marker)}},
    }
    chain = pipeline.rules.submit(held)
    with pytest.raises(TimedOut, match="held: running"):
        chain.wait(0.01)
    watch = chain.watch()
    assert chain.cancel() == 1
    watch.join(PATIENCE)
    assert chain.status().state == "cancelled"
    said = capsys.readouterr().err
    assert "held: running" in said
    assert "held: cancelled" in said


def test_what_is_wrong_is_said_in_a_sentence(pipeline: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(RequestRefused, match="line 1: there is no key 'rul'"):
        pipeline.rules.submit("rul: sums\n")
    with pytest.raises(RequestRefused, match="did you mean 'sums'"):
        pipeline.rules.check({"rule": "sum"})
    with pytest.raises(PipelineError, match="give the path of a YAML file"):
        pipeline.rules.submit("chain.yml")
    with pytest.raises(KeyError):
        pipeline.rules[99]
    chain = pipeline.rules.submit({"rule": "sums", "inputs": {"series": 3}})
    with pytest.raises(PipelineError, match="it has: 'sums'"):
        chain.cancel("sum")
    with pytest.raises(PipelineError, match="it has written: nothing yet"):
        chain.save("sums", tmp_path)
    with pytest.raises(NoController, match="a service of rules alone"):
        pipeline.progress()
    assert {"sums", "table"} <= {kind["name"] for kind in pipeline.rules.service().kinds}


class Notebook:
    """What IPython has in a notebook, as far as a display needs it."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, shown: object, display_id: bool) -> Notebook:
        return self

    def update(self, shown: object) -> None:
        self.shown.append(shown._repr_html_())  # type: ignore[attr-defined]


def test_in_a_notebook_a_chain_is_one_display_that_changes(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = Notebook()
    shell = type("ZMQInteractiveShell", (), {})()
    module = type(sys)("IPython")
    module.__dict__.update(get_ipython=lambda: shell)
    shows = type(sys)("IPython.display")
    shows.__dict__.update(display=notebook.display)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", shows)
    chain = pipeline.rules.submit({"rule": "sums", "inputs": {"series": str(tmp_path / "data" / "cell")}})
    chain.watch().join(PATIENCE)
    assert "✓ done" in notebook.shown[-1]
    assert "40 of 40 frames" in notebook.shown[-1]
