"""Recipes: what is wrong is told with its line before anything runs, and what is right gives what it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beamloom.rules import RecipeRefused, RecipeRule, RuleError, RuleRefused
from beamloom.rules.recipes import Image, Table, module_names, parse_recipe, run_recipe
from beamloom.rules.recipes.expressions import Expression
from beamloom.rules.recipes.loading import load
from beamloom.rules.recipes.modules.images import arithmetic, background_subtraction, projection
from beamloom.rules.recipes.modules.localisations import density_mapping, drift_correction
from beamloom.rules.recipes.modules.objects import label, measure, otsu
from beamloom.rules.recipes.modules.outputs import hdf_output, image_output, table_output
from beamloom.rules.recipes.modules.tables import concatenate, filter_table, mapping, where
from beamloom.rules.recipes.registry import find_module
from beamloom.rules.templates import fill

FILTER = "- tablefilters.FilterTable: {inputName: input, filters: {x: [0, 1]}, outputName: good}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "- tablefilters.FilterTabel: {}",
            "r:1: there is no module 'tablefilters.FilterTabel' (did you mean",
        ),
        (FILTER + FILTER, "r:2: 'good' is made here, and in line 1 already"),
        (FILTER.replace("[0, 1]", "[0]"), "r:1: 'filters' of tablefilters.FilterTable: expected"),
        (FILTER.replace("filters:", "filter:"), "takes no 'filter' (did you mean 'filters'?)"),
        (FILTER.replace("filters: {x: [0, 1]}, ", ""), "r:1: tablefilters.FilterTable needs 'filters'"),
        (FILTER.replace("input,", "inptu,"), "takes 'inptu', which no module makes (did you mean 'input'?)"),
        (
            FILTER + "\n- filters.GaussianFilter: {inputName: good, sigma: 1, outputName: b}",
            "r:3: filters.GaussianFilter takes an image, and 'good' is a table",
        ),
        (
            FILTER.replace("input,", "b,")
            + "- tablefilters.Where: {inputName: good, expression: x > 1, outputName: b}",
            "the modules go round in a circle: tablefilters.FilterTable (line 1) needs tablefilters.Where (line 2)",
        ),
        ("tablefilters.FilterTable: {}", "r:1: a recipe is a list of modules"),
        ("- a: 1\n  b: 2", "r:1: one module is"),
        ("- a: [", "not valid YAML"),
    ],
)
def test_a_recipe_that_cannot_run_is_refused_with_the_line(text: str, said: str) -> None:
    with pytest.raises(RecipeRefused) as refused:
        parse_recipe(text, "r", {"input"})
    assert said in str(refused.value)


def test_all_mistakes_of_a_recipe_are_told_at_once() -> None:
    with pytest.raises(RecipeRefused) as refused:
        parse_recipe("- no.Such: {}\n- tablefilters.Where: {inputName: input}", "r", {"input"})
    assert len(str(refused.value).splitlines()) == 3


def test_a_recipe_is_refused_when_its_rule_is_made_and_not_when_it_runs() -> None:
    with pytest.raises(RecipeRefused, match="no module"):
        RecipeRule(recipe="- no.Such: {}", inputs={"input": ["a.tif"]})
    with pytest.raises(RuleRefused, match="needs its inputs"):
        RecipeRule(recipe=FILTER)
    with pytest.raises(RuleRefused, match="names 'series_stubb' \\(did you mean 'series_stub'"):
        RecipeRule(recipe=FILTER, input_templates={"input": "{{series_stubb}}.h5r"}, series_stub="a")


def test_modules_run_when_what_they_take_is_made_whatever_their_order() -> None:
    steps = [
        "- base.Label: {inputName: c, outputName: d}",
        "- base.Threshold: {inputName: b, threshold: 0.5, outputName: c}",
        "- filters.GaussianFilter: {inputName: a, sigma: 1, outputName: b}",
    ]
    recipe = parse_recipe("\n".join(steps))
    assert [step.module.name for step in recipe.steps] == [
        "filters.GaussianFilter",
        "base.Threshold",
        "base.Label",
    ]
    assert recipe.needs == {"a": Image}


def test_every_module_says_what_it_does() -> None:
    for name in module_names():
        assert find_module(name).summary, name


def test_a_recipe_in_a_script_writes_its_files_and_gives_what_it_made(tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", np.arange(24.0).reshape(2, 3, 4))
    recipe = parse_recipe(
        """
- processing.Projection: {inputName: input, kind: max, outputName: highest}
- processing.Arithmetic: {inputNames: [highest], expression: highest * 2, outputName: doubled}
- output.ImageOutput: {inputName: doubled, filePattern: '{{output_dir}}/{{file_stub}}_{{operator}}.tif'}
"""
    )
    made = run_recipe(recipe, {"input": tmp_path / "stack.npy"}, tmp_path / "out", context={"operator": "me"})
    doubled = made["doubled"]
    assert isinstance(doubled, Image)
    assert (doubled.pixels == 2 * np.arange(12.0, 24.0).reshape(3, 4)).all()
    again = run_recipe(parse_recipe("[]"), {"input": tmp_path / "out" / "stack_me.tif"})["input"]
    assert isinstance(again, Image)
    assert (again.pixels == doubled.pixels).all()
    assert again.about["beamloom.settings"] == recipe.text


def test_an_error_in_a_module_names_the_module_and_its_line(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.zeros((3, 4)))
    recipe = parse_recipe("\n- processing.Projection: {inputName: input, outputName: b}")
    with pytest.raises(RuleError, match="cannot be projected") as raised:
        run_recipe(recipe, {"input": tmp_path / "one.npy"})
    assert raised.value.__notes__ == ["in processing.Projection, line 2 of the recipe"]


def table(**columns: object) -> Table:
    return Table({name: np.asarray(column) for name, column in columns.items()})


def test_rows_are_kept_by_ranges_and_by_expressions() -> None:
    rows = table(x=[1.0, 2.0, 3.0], y=[5.0, 5.0, 6.0])
    assert filter_table(rows, {"x": (2, 3), "y": (0, 5)}).column("x").tolist() == [2.0]
    assert where(rows, "x > 1 and not y > 5").column("x").tolist() == [2.0]
    with pytest.raises(RuleError, match=r"no column 'z'.*x, y"):
        filter_table(rows, {"z": (0, 1)})


def test_columns_are_derived_from_columns() -> None:
    made = mapping(table(x=[3.0], y=[4.0]), {"r": "sqrt(x**2 + y**2)", "twice": "2 * r"})
    assert made.column("twice").tolist() == [10.0]
    assert concatenate({"a": made, "b": made}).column("r").tolist() == [5.0, 5.0]
    with pytest.raises(RuleError, match="other columns than the first table: r, twice"):
        concatenate({"a": made, "b": table(x=[1.0], y=[1.0])})


def test_an_image_of_localizations_has_each_where_it_is() -> None:
    rows = table(x=[25.0, 25.0, 105.0], y=[5.0, 5.0, 45.0], error_x=[3.0] * 3, error_y=[3.0] * 3)
    image = density_mapping(rows, 10.0)
    assert image.pixels.sum() == 3
    row, column = np.unravel_index(image.pixels.argmax(), image.pixels.shape)
    assert (image.origin[0] + 10 * column, image.origin[1] + 10 * row) == (25.0, 5.0)
    smooth = density_mapping(rows, 10.0, "Gaussian")
    assert smooth.pixels.shape == image.pixels.shape
    assert smooth.pixels.sum() == pytest.approx(3, rel=0.1)
    with pytest.raises(RuleError, match="give larger pixels"):
        density_mapping(rows, 0.001)


def test_drift_is_taken_off() -> None:
    random = np.random.default_rng(1)
    places = random.uniform(0, 5000, (60, 2))
    frame = np.repeat(np.arange(400), 30)
    chosen = random.integers(0, 60, len(frame))
    drift = 0.5 * frame
    rows = table(
        frame=frame,
        x=places[chosen, 0] + drift + random.normal(0, 5, len(frame)),
        y=places[chosen, 1] + random.normal(0, 5, len(frame)),
    )
    corrected = drift_correction(rows, segments=8)
    left = corrected.column("x") - places[chosen, 0]
    assert np.std(left) < 12 < np.std(rows.column("x") - places[chosen, 0])


def test_objects_are_numbered_and_measured_in_nanometres() -> None:
    pixels = np.zeros((20, 30))
    pixels[2:5, 3:6] = 2.0
    pixels[10:12, 20:24] = 4.0
    pixels[18, 1] = 9.0
    image = Image(pixels, 10.0, (100.0, 200.0))
    labels = label(image, minimum_pixels=4)
    found = measure(labels, image)
    assert found.column("pixels").tolist() == [9, 8]
    assert found.column("area").tolist() == [900.0, 800.0]
    assert found.column("x").tolist() == [140.0, 315.0]
    assert found.column("y").tolist() == [230.0, 305.0]
    assert found.column("sum").tolist() == [18.0, 32.0]
    assert found.column("maximum").tolist() == [2.0, 4.0]


def test_the_level_of_otsu_parts_two_kinds_of_pixels() -> None:
    random = np.random.default_rng(0)
    pixels = np.concatenate([random.normal(10, 1, 5000), random.normal(30, 2, 500)])
    level = otsu(pixels)
    assert (pixels[:5000] < level).mean() > 0.99
    assert (pixels[5000:] > level).mean() > 0.99


def test_images_are_computed_with() -> None:
    stack = Image(np.stack([np.zeros((4, 4)), np.ones((4, 4))]))
    assert (projection(stack, "mean").pixels == 0.5).all()
    assert (arithmetic({"a": stack, "b": stack}, "a - b").pixels == 0).all()
    flat = background_subtraction(Image(np.full((40, 40), 7.0)))
    assert np.abs(flat.pixels).max() < 1e-4
    with pytest.raises(RuleError, match="different shapes"):
        arithmetic({"a": stack, "b": projection(stack)}, "a - b")


def test_files_that_are_written_can_be_read_again(tmp_path: Path) -> None:
    rows = Table({"x": np.array([1.0, 2.0])}, {"who": "me"})
    table_output(rows, tmp_path / "a.parquet")
    hdf_output({"good": rows}, tmp_path / "b.h5")
    for path in (tmp_path / "a.parquet", tmp_path / "b.h5"):
        found = run_recipe(parse_recipe("[]"), {"input": path})["input"]
        assert isinstance(found, Table)
        assert found.column("x").tolist() == [1.0, 2.0]
    with pytest.raises(RuleError, match=r"written as \.tif"):
        image_output(Image(np.zeros((2, 2))), tmp_path / "a.png")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "x.real",
        "x[0]",
        "[x]",
        "'a'",
        "lambda: 1",
        "exec(x)",
        "x if x else 1",
        "1 +",
        "open(1)",
    ],
)
def test_an_expression_computes_and_does_nothing_else(text: str) -> None:
    with pytest.raises(RuleRefused):
        Expression(text)


@given(x=st.floats(-1e3, 1e3), y=st.floats(-1e3, 1e3))
def test_an_expression_means_what_it_means_in_python(x: float, y: float) -> None:
    text = "-x * 2 + y ** 2 / 4 - (x - y) % 3 < 1 and (x <= y or not x > 2) and -1e9 < x < 1e9"
    assert bool(Expression(text)({"x": x, "y": y})) == bool(eval(text))  # noqa: S307 - it is our own text


@pytest.mark.parametrize("described", ["{not JSON}", '{"origin": 7, "pixel_size": {"x": 100}}'])
def test_images_that_other_programs_describe_are_loaded(tmp_path: Path, described: str) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.uint16), description=described, metadata=None)
    (found,) = load({"input": str(tmp_path / "a.tif")}).values()
    assert isinstance(found, Image)
    assert (found.pixels.shape, found.pixel_size, found.origin) == ((4, 5), 0.0, (0.0, 0.0))


def test_a_template_has_one_meaning_in_both_notations() -> None:
    assert fill("{{ a }}/{b}.tif", {"a": "x", "b": 3}) == "x/3.tif"
    with pytest.raises(RuleRefused, match="names 'c', and what is known here is: a"):
        fill("{{c}}", {"a": 1})
