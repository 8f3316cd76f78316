"""Rules in the pipeline file: what is wrong is told with its line, paths hold from anywhere, and the controller is told all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamloom.located_yaml import FileError
from beamloom.pipeline_file import Pipeline, json_schema, markdown, parse_pipeline
from beamloom.placement.layout import layout_of

FILE = """\
streams:
  camera: {device: generator}
workers: {class: "analysis:Worker"}
reducer: {class: "analysis:Reducer"}
recording: {prefix: recordings/}
rules:
"""
RECIPE = "- filters.GaussianFilter: {inputName: input, sigma: 1, outputName: a}\n"


def read(folder: Path, rules: str, file: str = FILE) -> Pipeline:
    (folder / "analysis.py").touch()
    (folder / "smooth.yaml").write_text(RECIPE)
    (folder / "broken.yaml").write_text(RECIPE.replace("Gaussian", "Gausian"))
    return parse_pipeline(file + rules, file="p.yaml", folder=folder)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            "- {name: a, rule: R, stream: camra}",
            "p.yaml:7: there is no stream 'camra' (did you mean 'camera'?)",
        ),
        (
            "- {name: a, rule: R, when: later}",
            "p.yaml:7: 'when' is 'later', but it takes one of asked, end, start",
        ),
        ("- {name: a b, rule: R}", "p.yaml:7: 'name' is 'a b', but it takes a name of letters"),
        ("- {name: a}", "p.yaml:7: rules: the rule 'a' needs either a 'rule' or a 'recipe'"),
        ("- {name: a, rule: R}\n- {name: a, rule: R}", "p.yaml:8: a rule is called 'a' already in line 7"),
        ("- {name: a, rule: R, strem: camera}", "p.yaml:7: unknown key 'strem' (did you mean 'stream'?)"),
        ("- {name: a, rule: R, inputs: {input: x}}", "p.yaml:7: rules: 'inputs' belong to recipes"),
        (
            "- {name: a, recipe: smooth.yaml, stream: camera}",
            "p.yaml:7: rules: the recipe of 'a' takes its streams",
        ),
        ("- {name: a, recipe: nowhere.yaml}", "nowhere.yaml cannot be read"),
        (
            "- {name: a, recipe: broken.yaml}",
            "p.yaml:7: broken.yaml:1: there is no module 'filters.GausianFilter'",
        ),
        (
            "- {name: a, recipe: smooth.yaml, inputs: {inptu: camera}}",
            "p.yaml:7: smooth.yaml:1: filters.GaussianFilter takes 'input', which no module makes (did you mean 'inptu'?)",
        ),
        (
            "- name: a\n  rule: R\n  on_completion:\n  - recipe: broken.yaml",
            "p.yaml:10: broken.yaml:1: there is no module",
        ),
        ("- {name: a, rule: 'analysys:spots'}", "p.yaml:7: there is no module 'analysys'"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_with_its_line(tmp_path: Path, rules: str, said: str) -> None:
    with pytest.raises(FileError) as refused:
        read(tmp_path, rules)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "rule", ["{name: a, rule: R, stream: camera}", "{name: a, recipe: smooth.yaml, inputs: {input: camera}}"]
)
def test_a_rule_that_reads_a_stream_needs_a_recording(tmp_path: Path, rule: str) -> None:
    with pytest.raises(FileError, match=r"p.yaml:6: .*nothing is recorded; add 'recording: "):
        read(tmp_path, f"- {rule}", FILE.replace("recording: {prefix: recordings/}\n", ""))


def test_recipes_are_found_from_anywhere(tmp_path: Path) -> None:
    pipeline = read(
        tmp_path,
        "- {name: a, recipe: smooth.yaml, on_completion: [{recipe: smooth.yaml, on_completion: {recipe: smooth.yaml}}]}",
    )
    path = str(tmp_path / "smooth.yaml")
    (rule,) = pipeline.rules
    assert rule.recipe == path
    assert rule.on_completion == ({"recipe": path, "on_completion": {"recipe": path}},)


def test_the_controller_is_told_the_rules_and_where_their_functions_are(tmp_path: Path) -> None:
    pipeline = read(tmp_path, "- {name: a, rule: 'analysis:spots', stream: camera, when: start}")
    controller = layout_of(pipeline).processes[0].argv
    flags = dict(word.partition("=")[::2] for word in controller if word.startswith("--"))
    assert '"when":"start"' in flags["--run-rules"]
    assert flags["--rule-types"] == '{"analysis:spots":"analysis:spots"}'
    assert flags["--rules-path"] == str(tmp_path)


def test_rules_are_described_for_editors_and_for_people() -> None:
    assert json_schema()["$defs"]["RunRule"]["properties"]["when"]["enum"] == ["asked", "end", "start"]
    assert "## `rules`" in markdown()
