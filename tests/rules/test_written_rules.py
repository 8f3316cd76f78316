"""Descriptions of rules: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beamloom.rules import Condition, Retries, RuleRefused
from beamloom.rules.api.options import OPTIONS
from beamloom.rules.spec import Link
from beamloom.rules.written import RuleTypes, Written, as_description, build, read_description
from rules.conftest import frames, series

TYPES = RuleTypes({"sums": "support.rule_tasks:sums", "away": "no.such.module:name"})
RECIPE = """\
- processing.Projection: {inputName: input, outputName: flat}
- output.ImageOutput: {inputName: flat, filePattern: '{{output_dir}}/{{file_stub}}.tif'}
"""


def built(
    written: str | dict[str, Any], tmp_path: Path, below: Sequence[str] | None = None, owner: str = ""
) -> Written:
    description = (
        read_description(written, as_yaml=True) if isinstance(written, str) else as_description(written)
    )
    folders = [str(tmp_path)] if below is None else below
    return build(description, TYPES, tmp_path / "ledger", below=folders, owner=owner)


def test_a_chain_is_listed_from_front_to_back_and_may_fork_and_join(tmp_path: Path) -> None:
    written = built(
        f"""
        chain:
          - {{rule: sums, name: first, inputs: {{series: 10}}}}
          - {{rule: sums, name: left, inputs: {{series: 10}}, condition: finish}}
          - {{rule: sums, name: right, after: first, inputs: {{series: 10}}, condition: 0.05}}
          - {{rule: sums, name: last, after: [left, right], inputs: {{series: '{tmp_path}/cell'}}}}
        """,
        tmp_path,
    )
    assert [spec.name for spec in written.specs] == ["first", "left", "right", "last"]
    assert written.links == [
        Link(0, 1, Condition(on="finish")),
        Link(0, 2, Condition(at_most_failed=0.05)),
        Link(1, 3),
        Link(2, 3),
    ]


def test_what_follows_may_be_nested_as_the_constructors_do(tmp_path: Path) -> None:
    series(tmp_path / "cell", frames(3))
    written = built(
        {
            "context": {"spool_dir": str(tmp_path), "series_stub": "cell"},
            "rule": "LocalisationRule",
            "arguments": {"analysisMetadata": {"Analysis": {"DetectionThreshold": 0.8}}},
            "on_completion": {
                "rule": "RecipeRule",
                "arguments": {"recipe": RECIPE},
                "inputs": {"input": "{{spool_dir}}/analysis/{{series_stub}}.h5r"},
                "on_completion": [{"rule": "sums", "name": "a", "inputs": {"series": 1}}],
            },
        },
        tmp_path,
        owner="anna",
    )
    localise, recipe, last = written.specs
    assert localise.outputs == {"results": str(tmp_path / "analysis/cell.h5r")}
    assert localise.parameters["analysis"] == {"Analysis.DetectionThreshold": 0.8}
    assert recipe.parameters["inputs"] == {"input": [localise.outputs["results"]]}
    assert (last.task, last.kind, last.owner) == ("support.rule_tasks:sums", "sums", "anna")
    assert written.links == [Link(0, 1), Link(1, 2)]
    assert all(spec.below == [str(tmp_path)] for spec in written.specs)


def test_every_option_of_rules_can_be_written(tmp_path: Path) -> None:
    options: dict[str, Any] = {
        "name": "look",
        "owner": "anna",
        "priority": 3,
        "resources": {"gpu": 1.0},
        "near": ["node7"],
        "elsewhere": False,
        "timeout": 5.0,
        "retries": Retries(deaths=4),
        "chunk": 7,
        "halo": 2,
        "max_wait": 1.5,
    }
    assert set(options) == OPTIONS
    arguments = msgspec.to_builtins(options)
    (spec,) = built({"rule": "sums", "inputs": {"series": 3}, "arguments": arguments}, tmp_path).specs
    assert {name: getattr(spec, name) for name in options} == options


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chain: []", "line 1: chain is a list of rules, one at least"),
        ("title: x", "either one rule"),
        ("rule: sums\nchain: [{rule: sums}]", "either one rule"),
        ("rule: sum", "there is no rule 'sum' (did you mean 'sums'?)"),
        ("chain:\n - rule: sums\n   argument: {}", "line 3: there is no key 'argument' here (did you mean 'arguments'?)"),
        ("chain:\n - {rule: sums, arguments: {series: 3, chunks: 3}}", "line 2: a sums takes no argument 'chunks' (did you mean 'chunk'?)"),
        ("rule: sums\ninputs: {serie: 3}", "is called 'series'"),
        ("rule: sums\ninputs: {series: 3}\narguments: {chunk: 0}", "Expected `int` >= 1"),
        ("rule: sums\ninputs: {series: 3}\narguments: {priority: high}", "Expected `int`, got `str`"),
        ("rule: sums\ninputs: {series: 3}\ncontext: {chunk: 3}", "line 3: 'chunk' in the context would be an option"),
        ("rule: sums\ninputs: {series: 3}\ncontext: {gather: 'os:system'}", "cannot be made of this"),
        ("rule: sums\ninputs: {series: 3}\ncontext: {task: 'os:system'}", "cannot be made of this"),
        ("rule: sums\narguments: {gather: 'os:system', series: 3}", "takes no argument 'gather'"),
        ("rule: away\ninputs: {series: 3}", "cannot be found"),
        ("rule: sums\ninputs: {series: '{{nowhere}}/x'}", "names 'nowhere'"),
        ("rule: sums\ninputs: {series: {kind: folder, path: x, end: ../y}}", "the name of a file beside it"),
        ("rule: sums\ninputs: {series: [3]}", "cannot be made of this: TypeError"),
        ("rule: sums\ncondition: sometimes\ninputs: {series: 3}", "line 2: a chain goes on 'success'"),
        ("chain:\n - {rule: sums, inputs: {series: 3}, after: other}", "line 2: after names 'other'"),
        ("chain:\n - {rule: sums, name: a}\n - {rule: sums, name: a}", "line 3: two rules are called 'a'"),
        ("chain: [&a {rule: sums}, *a]", "line 1: the alias *a is not taken here"),
        ("chain: [", "line 1: not valid YAML"),
        ("rule: RecipeRule\narguments: {recipe: '- nothing: {}'}\ninputs: {input: x}", "there is no module 'nothing'"),
        ("rule: RecipeRule\noutputs: {x: y}\ninputs: {input: x}", "a recipe names its files itself"),
        ("rule: LocalisationRule", "a localization needs its series"),
        ("- rule", "line 1: a description is a mapping"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_a_sentence_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(RuleRefused) as refused:
        built(text, tmp_path)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "written",
    [
        {"rule": "sums", "inputs": {"series": "{out}/cell"}},
        {"rule": "sums", "inputs": {"series": "{data}/../cell"}},
        {"rule": "sums", "inputs": {"series": "{data}/link/cell"}},
        {"rule": "sums", "inputs": {"series": {"kind": "spool", "path": "{out}/cell"}}},
        {"rule": "sums", "inputs": {"series": 3}, "outputs": {"results": "{out}/x.npy"}},
        {"rule": "LocalisationRule", "inputs": {"series": "{data}/cell"}, "outputs": {"results": "{out}/x.h5r"}},
        {"rule": "LocalisationRule", "context": {"spool_dir": "{out}", "series_stub": "cell"}},
        {"rule": "RecipeRule", "arguments": {"recipeURI": "{out}/r.yaml"}, "inputs": {"input": "{data}/x"}},
        {"rule": "RecipeRule", "context": {"recipeURI": "{out}/r.yaml"}, "inputs": {"input": "{data}/x"}},
        {"rule": "RecipeRule", "arguments": {"recipe": RECIPE}, "inputs": {"input": "{out}/x"}},
        {"rule": "RecipeRule", "arguments": {"recipe": RECIPE}, "inputs": {"input": "{out}/*.h5r"}},
        {"rule": "RecipeRule", "arguments": {"recipe": RECIPE}, "inputs": {"input": "{data}/*/../../x"}},
        {"rule": "RecipeRule", "arguments": {"recipe": RECIPE, "inputs": {"input": "{out}/x"}}},
        {"rule": "RecipeRule", "arguments": {"recipe": RECIPE, "output_dir": "{out}"}, "inputs": {"input": "{data}/x"}},
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_folders_that_are_named(written: dict[str, Any], tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    for folder in (data, out):
        series(folder / "cell", frames(3))
    (data / "link").symlink_to(out)
    (out / "r.yaml").write_text(RECIPE)

    def there(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: there(one) for key, one in value.items()}
        text = isinstance(value, str) and value is not RECIPE
        return value.replace("{data}", str(data)).replace("{out}", str(out)) if text else value

    with pytest.raises(RuleRefused, match=r"outside of what this service may|goes up behind a wildcard"):
        built(there(written), tmp_path, below=[str(data)])
    if "*/../" not in str(written):
        built(there(written), tmp_path, below=["/"])


def test_every_kind_says_what_it_takes() -> None:
    kinds = {line.name: line for line in RuleTypes({"sums": "support.rule_tasks:sums"}).lines()}
    assert set(kinds) >= {"LocalisationRule", "RecipeRule", "sums"}
    assert kinds["sums"].says == "One row for each frame."
    assert kinds["sums"].arguments == ["dataset", "outputs", "parameters", "series", "stream"]
    assert "recipeURI" in kinds["RecipeRule"].arguments


def test_the_description_of_the_page_is_one(repository: Path) -> None:
    page = (repository / "docs/how-to/serve-rules.md").read_text()
    (written,) = [block.partition("```")[0] for block in page.split("```yaml\n")[1:]]
    description = read_description(written, as_yaml=True)
    assert [(step.name, step.after) for step in description.steps] == [
        ("localise", []),
        ("render", [0]),
        ("measure", [1]),
    ]
