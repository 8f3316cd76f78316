"""``beamloom rules``, against a service with a real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamloom.cli import main
from support.rules_service import served


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with served(tmp_path) as url:
        yield url


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "marker").touch()
    path = tmp_path / "chain.yaml"
    path.write_text(
        "title: a look\n"
        "chain:\n"
        "  - rule: fails_where_told\n"
        "    name: look\n"
        "    inputs: {series: '{{cell}}'}\n"
        f"    arguments: {{chunk: 10, parameters: {{bad: [3], marker: {tmp_path}/marker}}}}\n"
        "  - rule: table\n"
        "    name: write\n"
        "    inputs: {series: '{{cell}}'}\n"
        f"    outputs: {{results: {tmp_path}/data/sums.npy}}\n"
    )
    return str(path)


def test_a_chain_is_submitted_watched_to_its_end_and_tried_again(
    url: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at, cell = ["--url", url], f"cell={tmp_path}/data/cell"
    assert main(["rules", "list", *at]) == 0
    assert "no rules yet" in capsys.readouterr().out
    assert main(["rules", "submit", file, "--check", "--set", cell, *at]) == 0
    assert f"write, after look, writes {tmp_path}/data/sums.npy" in capsys.readouterr().out
    assert main(["rules", "submit", file, "--watch", "--set", cell, *at]) == 1
    told = capsys.readouterr().out
    assert "look: failed, 30 of 40 frames, 10 failed" in told
    assert "  ValueError: frame 1 is bad (1 chunk)" in told
    assert "write: skipped, 10 of 40 frames of the step before failed" in told
    (tmp_path / "marker").unlink()
    assert main(["rules", "retry", "1", *at]) == 0
    assert capsys.readouterr().out == "1 chunk is tried again\n"
    assert main(["rules", "watch", *at]) == 0
    assert "chain 1 is done" in capsys.readouterr().out
    assert main(["rules", "list", "--json", *at]) == 0
    (chain,) = json.loads(capsys.readouterr().out)
    assert [step["state"] for step in chain["steps"]] == ["done", "done"]
    assert main(["rules", "list", *at]) == 0
    assert "done       a look  (2 of 2 rules done, by " in capsys.readouterr().out
    assert main(["rules", "cancel", "1", *at]) == 0
    assert capsys.readouterr().out == "nothing of it goes on\n"


def test_what_is_wrong_is_one_sentence(url: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str, status: int) -> str:
        assert main(["rules", *words, "--url", url]) == status
        return capsys.readouterr().err

    assert "line 3: the template '{{cell}}' names 'cell'" in said("submit", file, status=1)
    assert "is not of the form NAME=VALUE" in said("submit", file, "--set", "cell", status=2)
    assert "cannot be read" in said("submit", "nothing.yaml", status=2)
    assert "there are no rules to watch yet" in said("watch", status=2)
    assert "there is no chain 7" in said("cancel", "7", status=2)
    assert main(["rules", "list", "--url", "http://127.0.0.1:9"]) == 1
    assert "no pipeline answers" in capsys.readouterr().err


def test_what_failed_before_it_began_is_to_be_submitted_again(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipe.yaml"
    recipe = "'- processing.Projection: {inputName: input, outputName: flat}'"
    path.write_text(
        f"rule: RecipeRule\narguments: {{recipe: {recipe}}}\ninputs: {{input: {tmp_path}/data/*.tif}}\n"
    )
    assert main(["rules", "submit", str(path), "--watch", "--url", url]) == 1
    assert "no file is found for the input 'input'" in capsys.readouterr().out
    assert main(["rules", "retry", "1", "--url", url]) == 0
    assert "mended by submitting it again" in capsys.readouterr().out
