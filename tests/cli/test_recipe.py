"""``beamloom recipe``: the same recipe as in a rule and in a notebook, with every mistake told by its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import tifffile

from beamloom.apps.localization import read_table
from beamloom.cli import main
from beamloom.rules import LocalPool, RecipeRule, RuleEngine
from beamloom.rules.recipes import read_recipe, run_recipe

BLOBS = """\
- filters.GaussianFilter: {inputName: input, sigma: 1.0, outputName: smooth}
- base.Threshold: {inputName: smooth, outputName: bright}
- base.Label: {inputName: bright, outputName: labels}
- measurement.Measure2D: {inputLabels: labels, inputIntensity: input, outputName: blobs}
- output.TableOutput: {inputName: blobs, filePattern: '{{output_dir}}/{{file_stub}}_{{operator}}.parquet'}
- output.ImageOutput: {inputName: labels, filePattern: '{{output_dir}}/labels.tif'}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe, and ``spots.npy`` that it runs on."""
    pixels = np.random.default_rng(3).poisson(2.0, (64, 48)).astype(np.float32)
    for y, x in ((10, 10), (40, 30), (55, 12)):
        pixels[y : y + 4, x : x + 4] += 200
    np.save(tmp_path / "spots.npy", pixels)
    (tmp_path / "blobs.yaml").write_text(BLOBS)
    return tmp_path / "blobs.yaml"


def made_by(about: dict[str, Any]) -> dict[str, Any]:
    """All of the provenance but the second in which the file was made."""
    return {name: value for name, value in about.items() if name != "beamloom.made"}


def description(path: Path) -> str:
    with tifffile.TiffFile(path) as file:
        return str(file.pages.first.description)


def test_a_recipe_gives_the_same_from_the_command_in_a_notebook_and_in_a_rule(
    recipe: Path, tmp_path: Path
) -> None:
    image = tmp_path / "spots.npy"
    words = ["--input", f"input={image}", "--output-dir", str(tmp_path / "command"), "--set", "operator=me"]
    assert main(["recipe", "run", str(recipe), *words]) == 0
    run_recipe(read_recipe(recipe), {"input": image}, tmp_path / "notebook", context={"operator": "me"})
    with RuleEngine(tmp_path / "rules", LocalPool(1)) as engine:
        rule = RecipeRule(
            recipeURI=recipe, inputs={"input": [image]}, output_dir=tmp_path / "rule", operator="me"
        )
        rule.push(engine).wait(60)

    tables = [tmp_path / way / "spots_me.parquet" for way in ("command", "notebook", "rule")]
    (rows, about), *others = [read_table(path) for path in tables]
    assert len(rows) == 3
    assert about["beamloom.settings"] == BLOBS
    assert about["beamloom.inputs"] == {"input": str(image)}
    for other, told in others:
        assert other.tobytes() == rows.tobytes()
        assert made_by(told) == made_by(about)
    labels = [tmp_path / way / "labels.tif" for way in ("command", "notebook", "rule")]
    pixels, *rest = [tifffile.imread(path) for path in labels]
    assert pixels.max() == 3
    assert all((one == pixels).all() for one in rest)
    described = [made_by(json.loads(description(path))) for path in labels]
    assert described[0]["beamloom.settings"] == BLOBS
    assert described == [described[0]] * 3


def test_files_can_be_named_for_what_is_written_and_for_what_else_is_made(
    recipe: Path, tmp_path: Path
) -> None:
    outputs = ["--output", f"blobs={tmp_path}/b.parquet", "--output", f"labels={tmp_path}/l.tif"]
    outputs += ["--output", f"smooth={tmp_path}/s.tif"]
    assert main(["recipe", "run", str(recipe), "--input", str(tmp_path / "spots.npy"), *outputs]) == 0
    assert pq.read_table(tmp_path / "b.parquet").num_rows == 3
    assert tifffile.imread(tmp_path / "s.tif").dtype == np.float32
    assert tifffile.imread(tmp_path / "l.tif").max() == 3
    assert not (tmp_path / "labels.tif").exists()


def test_a_recipe_that_fails_leaves_no_file(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Its table is written before its image, which has no name yet.
    recipe.write_text(BLOBS.replace("labels.tif", "{{nobody}}.tif"))
    before = sorted(tmp_path.iterdir())
    assert (
        main(["recipe", "run", str(recipe), "--input", str(tmp_path / "spots.npy"), "--set", "operator=me"])
        == 2
    )
    said = capsys.readouterr().err
    assert "names 'nobody'" in said
    assert "in output.ImageOutput, line 6 of the recipe" in said
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_that_is_there_is_replaced_only_when_that_is_asked_for(recipe: Path, tmp_path: Path) -> None:
    words = ["recipe", "run", str(recipe), "--input", str(tmp_path / "spots.npy"), "--set", "operator=me"]
    (tmp_path / "labels.tif").write_text("mine")
    assert main(words) == 2
    assert (tmp_path / "labels.tif").read_text() == "mine"
    assert not (tmp_path / "spots_me.parquet").exists()
    assert main([*words, "--overwrite"]) == 0
    assert tifffile.imread(tmp_path / "labels.tif").max() == 3


def test_the_wiring_is_shown_in_the_order_in_which_modules_run(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text("".join(reversed(BLOBS.splitlines(keepends=True))))
    assert main(["recipe", "check", str(recipe), "--output", "smooth=s.tif"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[1:4]] == [
        ["line", "6", "filters.GaussianFilter"],
        ["line", "5", "base.Threshold"],
        ["line", "4", "base.Label"],
    ]
    assert lines[1].endswith("input (image)                 -> smooth (image)")
    assert lines[-2].split() == ["--output", "output.ImageOutput", "smooth", "(image)", "->", "s.tif"]
    assert lines[-1] == "takes: input (image)"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "RECIPE", "--input", "inptu=spots.npy"], "RECIPE:1: filters.GaussianFilter takes 'input'"),
        (["run", "RECIPE"], "RECIPE takes files; give them as --input input=FILE"),
        (["run", "RECIPE", "--input", "nowhere.npy"], "there is no file nowhere.npy for the input 'input'"),
        (
            ["run", "RECIPE", "--input", "SPOTS", "--output", "lables=a.tif"],
            "no 'lables' (did you mean 'labels'?)",
        ),
        (
            ["run", "RECIPE", "--input", "SPOTS", "--output", "smooth=a.parquet"],
            "'smooth' is an image, which is written as .tif",
        ),
        (
            ["run", "RECIPE", "--input", "SPOTS", "--output", "smooth"],
            "--output 'smooth' is not of the form NAME=VALUE",
        ),
        (["check", "RECIPE", "--input", "picture"], "which is no input; the inputs are: picture"),
        (["check", "nowhere.yaml"], "the recipe nowhere.yaml cannot be read"),
        (["modules", "base.Lable"], "there is no module 'base.Lable' (did you mean 'base.Label'?)"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    recipe: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    spots = str(recipe.with_name("spots.npy"))
    replaced = [word.replace("RECIPE", str(recipe)).replace("SPOTS", spots) for word in words]
    assert main(["recipe", *replaced]) == 2
    assert said.replace("RECIPE", str(recipe)) in capsys.readouterr().err


def test_an_error_in_somebodys_module_names_the_module_and_its_line(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "line.npy", np.zeros(5))
    assert (
        main(["recipe", "run", str(recipe), "--input", str(tmp_path / "line.npy"), "--set", "operator=me"])
        == 1
    )
    assert "in filters.GaussianFilter, line 1 of the recipe" in capsys.readouterr().err


def test_modules_are_listed_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "modules"]) == 0
    assert "filters.GaussianFilter " in capsys.readouterr().out
    assert main(["recipe", "modules", "filters.GaussianFilter"]) == 0
    assert "  sigma: float; needed\n" in capsys.readouterr().out
