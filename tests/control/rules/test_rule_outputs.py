"""What rules have written is asked for as what the reducer publishes is: whole files only, the latest of each rule, by its name."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import msgspec
import numpy as np
import pytest
import requests
import tifffile

from beamloom.client._result import RULES
from beamloom.control.rules.outputs import RuleOutputs
from beamloom.rules import FunctionRule, LocalPool, RecipeRule, RuleEngine
from beamloom.rules.api.pushing import graph
from beamloom.rules.executors import OnDemand
from beamloom.rules.spec import Link, Submission
from rules.conftest import expected, frames, series
from support.patience import PATIENCE
from support.rules_service import served

SMOOTH = """\
- filters.GaussianFilter: {inputName: input, sigma: 1, outputName: smooth}
- output.ImageOutput: {inputName: smooth, filePattern: '{{output_dir}}/smooth.tif'}
"""


def push(engine: RuleEngine, rule: Any, by: str = "") -> None:
    """As the service does it: with whose it is."""
    steps, links = graph([rule])
    specs = [one.spec(engine.folder) for one in steps]
    found: list[Link] = links
    pushed = engine.submit(specs, found, [], steps, Submission(title=rule.name, by=by))
    pushed[0].wait(PATIENCE)


def sums(folder: Path, name: str, file: str) -> FunctionRule:
    return FunctionRule(
        "support.rule_tasks:sums",
        folder / "cell",
        gather="support.rule_tasks:write_table",
        outputs={"results": folder / file},
        name=name,
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[RuleEngine]:
    series(tmp_path / "cell", frames(30))
    with RuleEngine(tmp_path / "ledger", OnDemand(LocalPool(1))) as engine:
        yield engine


def tree(outputs: RuleOutputs) -> dict[str, Any]:
    publish = outputs._look().publish
    assert publish is not None
    found: dict[str, Any] = publish["rules"]
    return found


def test_tables_images_and_numbers_are_shown_by_the_names_of_rules(
    engine: RuleEngine, tmp_path: Path
) -> None:
    outputs = RuleOutputs(engine)
    assert tree(outputs) == {}
    push(engine, sums(tmp_path, "sums", "sums.npy"))
    np.save(tmp_path / "image.npy", np.eye(5))
    push(engine, RecipeRule(recipe=SMOOTH, inputs={"input": [tmp_path / "image.npy"]}, name="smooth"))
    found = tree(outputs)
    assert list(found) == ["smooth", "sums"]
    assert found["sums"]["results"]["sum"].tolist() == expected(frames(30)).tolist()
    assert found["sums"]["_attrs"]["frames"] == 30
    assert (found["smooth"]["smooth"] == tifffile.imread(tmp_path / "smooth.tif")).all()
    assert found["smooth"]["smooth_attrs"]["beamloom.settings"] == SMOOTH


def test_versions_count_what_is_new_alone(engine: RuleEngine, tmp_path: Path) -> None:
    outputs = RuleOutputs(engine)
    push(engine, sums(tmp_path, "first", "first.npy"))
    before = outputs._look()
    assert outputs._look().version == before.version
    push(engine, sums(tmp_path, "second", "second.npy"))
    after = outputs._look()
    assert after.changed_since(before.version) == ["$.rules.second"]
    (tmp_path / "first.npy").write_bytes((tmp_path / "first.npy").read_bytes() + b" ")
    changed = outputs._look().changed_since(after.version)
    assert {path[: len("$.rules.first")] for path in changed} == {"$.rules.first"}


def test_a_ledger_in_which_nothing_was_written_is_not_asked_again(
    engine: RuleEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = RuleOutputs(engine)
    first = outputs._look()

    def refuse(most: int) -> None:
        raise AssertionError("all chains are asked for again")

    monkeypatch.setattr(engine.ledger, "runs", refuse)
    assert outputs._look().version == first.version


def test_the_latest_is_shown_and_all_that_one_run_has_started(engine: RuleEngine, tmp_path: Path) -> None:
    for number, by in enumerate(["anna", "run one", "run two", "run two"]):
        push(engine, sums(tmp_path, "spots", f"{number}.npy"), by)
    found = tree(RuleOutputs(engine))
    assert {name: Path(one["results_attrs"]["file"]).stem for name, one in found.items()} == {
        "spots": "2",
        "spots-2": "3",
    }


def test_what_cannot_be_shown_says_why(engine: RuleEngine, tmp_path: Path) -> None:
    push(engine, sums(tmp_path, "sums", "sums.npy"))
    (tmp_path / "sums.npy").write_text("somebody else's")
    assert "this cannot be shown: " in tree(RuleOutputs(engine))["sums"]["results"]
    (tmp_path / "sums.npy").unlink()
    assert "results" not in tree(RuleOutputs(engine))["sums"]


def test_a_link_in_the_place_of_a_file_leads_nowhere(engine: RuleEngine, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "secret.npy", np.zeros(3))
    rule = sums(tmp_path, "sums", "data/sums.npy")
    spec = msgspec.structs.replace(
        rule.spec(engine.folder), below=[str(tmp_path / "data"), str(tmp_path / "cell")]
    )
    engine.submit([spec], [], [])[0].wait(PATIENCE)
    assert "results" in tree(RuleOutputs(engine))["sums"]
    (tmp_path / "data" / "sums.npy").unlink()
    (tmp_path / "data" / "sums.npy").symlink_to(tmp_path / "secret.npy")
    assert "results" not in tree(RuleOutputs(engine))["sums"]


def until(ask: Callable[[], requests.Response]) -> requests.Response:
    deadline = time.monotonic() + PATIENCE
    while (answer := ask()).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)
    return answer


def test_the_tree_is_served_in_all_forms_of_results(tmp_path: Path) -> None:
    with served(tmp_path) as url:
        data = tmp_path / "data"
        np.save(data / "image.npy", np.eye(5))
        (data / "smooth.yaml").write_text(SMOOTH)
        rule = {
            "rule": "RecipeRule",
            "name": "smooth",
            "arguments": {"recipeURI": str(data / "smooth.yaml"), "output_dir": str(data)},
            "inputs": {"input": str(data / "image.npy")},
        }
        at = f"{url}{RULES}/api/v1"
        assert requests.get(f"{at}/result/$.rules.smooth", timeout=PATIENCE).status_code == 404
        answer = requests.post(f"{url}/api/v1/rules", json=rule, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        path = f"{at}/result/$.rules.smooth.smooth"
        npy = until(lambda: requests.get(path, params={"format": "npy", "slice": "1:3,:2"}, timeout=PATIENCE))
        image = tifffile.imread(data / "smooth.tif")
        assert (np.load(io.BytesIO(npy.content)) == image[1:3, :2]).all()
        plain = requests.get(path, params={"format": "json"}, timeout=PATIENCE).json()
        assert np.allclose(plain[0], image)
        outline = requests.get(f"{at}/tree", params={"path": "rules/smooth"}, timeout=PATIENCE).json()
        assert outline["children"]["smooth"]["shape"] == [5, 5]
        assert outline["attributes"]["rule"] == "RecipeRule"
        whole = requests.get(f"{at}/file", params={"path": "rules/smooth"}, timeout=PATIENCE)
        with h5py.File(io.BytesIO(whole.content)) as file:
            assert (file["entry/rules/smooth/smooth"][...] == image).all()
