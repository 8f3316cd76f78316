"""Result types: however the events are spread over workers, and in whatever order partials arrive, the result is the same."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beamloom.engine.ranges import RangeSet
from beamloom.results import (
    Append,
    Bins,
    Histogram,
    Latest,
    Map2D,
    Mean,
    MergingReducer,
    Sum,
    Table,
    Waterfall,
    is_result_type,
    merge_into,
)
from beamloom.results.encodings import as_json
from beamloom.results.tree import Dataset, Group, tree_of
from beamloom.transport.codec import decode, encode

Make = Callable[[], Any]
Value = Callable[[int], tuple[Any, ...]]


def noise(event: int, *shape: int) -> Any:
    return np.random.default_rng(event).normal(5, 2, shape)


def whole(event: int, *shape: int) -> Any:
    return np.random.default_rng(event).integers(0, 60_000, shape, np.uint16)


def position(event: int) -> tuple[float, float]:
    """A snake scan of 8 points a line, with some noise of the encoders."""
    line, place = divmod(event, 8)
    jitter = np.random.default_rng(event).uniform(-0.05, 0.05, 2)
    return float((place if line % 2 == 0 else 7 - place) + jitter[0]), float(line * 2 + jitter[1])


EXACT: dict[str, tuple[Make, Value]] = {
    "Append": (Append, lambda n: (whole(n, 3),)),
    "Append of texts": (lambda: Append(first=1), lambda n: ("x" * (n % 5),)),
    "Append of numbers that become real": (Append, lambda n: (n if n % 7 else n / 2,)),
    "Sum": (Sum, lambda n: (whole(n, 4, 3),)),
    "Sum of signed numbers": (Sum, lambda n: (int(whole(n)) - 30_000,)),
    "Histogram by edges": (lambda: Histogram(np.linspace(0, 10, 21)), lambda n: (noise(n, 9),)),
    "Histogram that grows": (lambda: Histogram(Bins(width=0.3, start=0.1)), lambda n: (noise(n, 9) * n,)),
    "Histogram of two values": (
        lambda: Histogram(np.linspace(0, 10, 6), Bins(width=2.0)),
        lambda n: (noise(n, 9), noise(-n % 97, 9)),
    ),
    "Map2D, last": (
        lambda: Map2D(Bins(width=1.0), Bins(width=2.0), how="last"),
        lambda n: (float(n), *position(n)),
    ),
    "Map2D of whole numbers, sum": (
        lambda: Map2D(np.arange(-0.5, 8), np.arange(-1, 40, 2), how="sum"),
        lambda n: (float(n), *position(n)),
    ),
    "Map2D that finds its grid": (
        lambda: Map2D(tolerance=(0.2, 0.2)),
        lambda n: (noise(n).item(), *position(n)),
    ),
    "Latest": (Latest, lambda n: (noise(n, 3),)),
    "Latest, every fourth": (lambda: Latest(4), lambda n: (whole(n, 3),)),
    "Table": (Table, lambda n: ({"x": n / 2, "name": f"s{n}", **({"odd": n} if n % 2 else {})},)),
    "Table of real numbers": (Table, lambda n: ({"x": n / 2, "y": -n / 4},)),
    "Table of rows of two kinds": (Table, lambda n: ({"x": n / 2 if n % 3 else n, "y": np.float32(n)},)),
    "Table of rows that are filled": (
        lambda: Table(fill={"odd": -1}),
        lambda n: ({"x": n / 2, **({"odd": n} if n % 2 else {})},),
    ),
    "Waterfall": (lambda: Waterfall(7, x=np.arange(3)), lambda n: (whole(n, 3),)),
    "Waterfall of everything": (Waterfall, lambda n: (noise(n, 3),)),
}
ROUNDED: dict[str, tuple[Make, Value]] = {
    "Sum of real numbers": (Sum, lambda n: (noise(n, 4).astype(np.float32),)),
    "Mean": (Mean, lambda n: (noise(n, 2, 3) + 1e4,)),
    "Mean of numbers": (Mean, lambda n: (whole(n).item(),)),
    "Histogram of weights": (
        lambda: Histogram(Bins(width=1.0), weighted=True),
        lambda n: (noise(n, 4),),
    ),
    "Map2D, mean": (
        lambda: Map2D(Bins(width=4.0), Bins(width=8.0)),
        lambda n: (noise(n).item(), *position(n)),
    ),
}


def plain(group: dict[str, Any]) -> dict[str, Any]:
    """A snapshot with numpy arrays for every array."""
    return {
        name: value if isinstance(value, dict) else np.asarray(value).copy() for name, value in group.items()
    }


def assert_same(got: dict[str, Any], wanted: dict[str, Any], *, rounded: bool = False) -> None:
    got, wanted = plain(got), plain(wanted)
    assert got.keys() == wanted.keys()
    for name, value in wanted.items():
        if isinstance(value, dict):
            assert got[name] == value, name
            continue
        assert got[name].dtype == value.dtype, name
        if rounded and value.dtype.kind == "f":
            # A variance is as exact as the deviations, which are thousands of times smaller than the values.
            limit = 1e-12 if name in ("mean", "sum", "map", "counts") else 1e-9
            np.testing.assert_allclose(got[name], value, limit, err_msg=name)
        else:
            np.testing.assert_array_equal(got[name], value, name)


@st.composite
def spread(draw: st.DrawFn) -> tuple[list[int], list[list[int]], list[tuple[int, int]]]:
    """Events in the order of a plain sequence, the same spread over partials, and which partials merge, in which order."""
    events = draw(st.lists(st.integers(1, 90), unique=True, min_size=1, max_size=40))
    count = draw(st.integers(1, 8))
    partials: list[list[int]] = [[] for _ in range(count)]
    for event in events:
        partials[draw(st.integers(0, count - 1))].append(event)
    for partial in partials:
        partial[:] = draw(st.permutations(partial))
    merges = []
    for left in range(count, 1, -1):
        a = draw(st.integers(0, left - 1))
        b = draw(st.integers(0, left - 2))
        merges.append((a, b))
    return sorted(events), partials, merges


def through_the_wire(result: Any) -> Any:
    encoded = encode(result).detached()
    return decode(encoded.head, encoded.buffers)


def merged(make: Make, value: Value, partials: list[list[int]], merges: list[tuple[int, int]]) -> Any:
    made = []
    for events in partials:
        result = make()
        for event in events:
            result.add(event, *value(event))
            if event % 3 == 0:
                result.snapshot()
        made.append(through_the_wire(result))
    for a, b in merges:
        into = made.pop(a)
        made[b] = into.merge(made[b])
    (only,) = made
    return through_the_wire(only) if len(partials) % 2 else only


@pytest.mark.parametrize("name", EXACT)
@settings(deadline=None, max_examples=60)
@given(case=spread())
def test_any_split_gives_the_result_of_the_plain_sequence(
    name: str, case: tuple[list[int], list[list[int]], list[tuple[int, int]]]
) -> None:
    make, value = EXACT[name]
    events, partials, merges = case
    wanted = merged(make, value, [events], [])
    got = merged(make, value, partials, merges)
    assert got.coverage == wanted.coverage == RangeSet((n, n + 1) for n in events)
    assert_same(got.snapshot(), wanted.snapshot())


@pytest.mark.parametrize("name", ROUNDED)
@settings(deadline=None, max_examples=60)
@given(case=spread())
def test_any_split_of_real_numbers_gives_the_same_up_to_rounding(
    name: str, case: tuple[list[int], list[list[int]], list[tuple[int, int]]]
) -> None:
    make, value = ROUNDED[name]
    events, partials, merges = case
    wanted = merged(make, value, [events], [])
    got = merged(make, value, partials, merges)
    assert got.coverage == wanted.coverage
    assert_same(got.snapshot(), wanted.snapshot(), rounded=True)


ALL = EXACT | ROUNDED


@pytest.mark.parametrize("name", ALL)
def test_a_snapshot_never_changes_and_is_the_same_until_something_does(name: str) -> None:
    make, value = ALL[name]
    result = make()
    for event in range(1, 20):
        result.add(event, *value(event))
    shown = result.snapshot()
    before = copy.deepcopy(plain(shown))
    assert result.snapshot() is shown
    version = result.version
    result.add(20, *value(20))
    result.merge(make().add(24, *value(24)))
    assert result.version > version
    assert_same(shown, before)
    assert list(result.coverage) == [(1, 21), (24, 25)]
    assert np.asarray(result.snapshot()["coverage"]).tolist() == [[1, 21], [24, 25]]


@pytest.mark.parametrize("name", ALL)
def test_what_is_added_may_be_changed_afterwards(name: str) -> None:
    make, value = ALL[name]
    given_values = value(5)
    result = make().add(5, *given_values)
    before = copy.deepcopy(plain(result.snapshot()))
    for one in given_values:
        if isinstance(one, np.ndarray) and one.ndim:
            one[...] = 0
    assert_same(result.snapshot(), before)
    assert_same(through_the_wire(result).snapshot(), before)


@pytest.mark.parametrize("name", ALL)
def test_every_view_can_show_a_snapshot(name: str) -> None:
    make, value = ALL[name]
    for result in (make(), make().add(3, *value(3)).add(5, *value(5))):
        shown = result.snapshot()
        assert as_json([shown])
        assert_same(pickle.loads(pickle.dumps(shown)), shown)
        tree = tree_of({"a": shown}).at("a")
        assert isinstance(tree, Group)
        signal = tree.attributes.get("signal")
        if signal is not None:
            dataset = tree.children[str(signal[()])]
            assert isinstance(dataset, Dataset)
            axes = tree.attributes.get("axes")
            assert dataset.values is not None
            assert axes is None or axes.shape == (len(dataset.values.shape),)
        for one in shown.values():
            assert not isinstance(one, np.ndarray) or not one.flags.writeable


@pytest.mark.parametrize("name", ALL)
def test_an_empty_result_merges_in_either_direction(name: str) -> None:
    make, value = ALL[name]
    wanted = make().add(3, *value(3)).snapshot()
    assert_same(make().merge(make().add(3, *value(3))).snapshot(), wanted)
    assert_same(make().add(3, *value(3)).merge(make()).snapshot(), wanted)
    assert is_result_type(make())


def test_frames_are_summed_in_64_bits_and_travel_alone_as_they_are() -> None:
    frame = np.full((4, 4), 65_535, np.uint16)
    one = Sum().add(0, frame)
    assert one.wire_state()["values"].dtype == np.uint16
    for event in range(1, 70_000, 7_000):
        one.add(event, frame)
    assert one.value.dtype == np.uint64
    assert (one.value == 11 * 65_535).all()
    assert Sum().add(0, np.int8(-128)).add(1, np.int8(-128)).value == -256
    assert Sum().add(0, np.ones(2, bool)).add(1, np.ones(2, bool)).value.tolist() == [2, 2]
    assert Sum().add(0, np.float32(1e30)).value.dtype == np.float64
    assert Sum().add(0, 1).add(1, 0.5).value == 1.5


def test_large_arrays_travel_uncopied() -> None:
    result = Sum().add(0, np.ones((512, 512))).add(1, np.ones((512, 512)))
    encoded = encode(result)
    (buffer,) = encoded.buffers
    assert np.shares_memory(np.frombuffer(buffer, np.uint8), result.value)


def test_a_mean_knows_its_variance_where_the_textbook_formula_fails() -> None:
    values = 1e9 + np.random.default_rng(1).normal(0, 1, 1000)
    mean = Mean(units="counts")
    for event, value in enumerate(values):
        mean.add(event, value)
    assert mean.value == pytest.approx(values.mean(), rel=1e-12)
    assert mean.variance == pytest.approx(values.var(ddof=1), rel=1e-6)
    shown = mean.snapshot()
    assert shown["mean_errors"] == pytest.approx(np.sqrt(values.var(ddof=1) / 1000), rel=1e-6)
    assert shown["mean_attrs"] == {"units": "counts"}
    assert np.isnan(Mean().add(0, 1.0).variance)


def test_a_histogram_by_edges_is_that_of_numpy() -> None:
    values = np.concatenate([noise(1, 1000), [0.0, 10.0, -1.0, 11.0, np.nan, np.inf]])
    edges = np.array([0, 1, 4, 5, 5.5, 10])
    shown = Histogram(edges, units="photons").add(0, values).snapshot()
    assert np.array_equal(shown["counts"], np.histogram(values[np.isfinite(values)], edges)[0])
    assert shown["outside"] == len(values) - shown["counts"].sum()
    assert np.array_equal(shown["x_edges"], edges)
    two = Histogram(edges, edges).add(0, noise(1, 50), noise(2, 50)).snapshot()
    assert np.array_equal(two["counts"], np.histogram2d(noise(2, 50), noise(1, 50), [edges, edges])[0])
    assert two["_attrs"]["axes"] == ["y", "x"]


def test_a_map_finds_the_grid_of_a_scan_with_noisy_positions() -> None:
    found = Map2D(x_units="um")
    for event in range(48):
        found.add(event, event, *position(event))
    shown = found.snapshot()
    assert np.allclose(shown["x"], np.arange(8), atol=0.06)
    assert np.allclose(shown["y"], np.arange(6) * 2, atol=0.06)
    assert shown["map"][1].tolist() == list(range(15, 7, -1))
    assert (shown["count"] == 1).all()
    assert shown["x_attrs"] == {"units": "um"}


def test_cells_that_were_not_measured_are_nan() -> None:
    shown = Map2D([0, 1, 2], [0, 1]).add(0, 4.0, 0.5, 0.5).add(1, 6.0, 0.5, 0.5).add(2, 1.0, 9, 9).snapshot()
    assert shown["map"][0, 0] == 5.0
    assert np.isnan(shown["map"][0, 1])
    assert shown["outside"] == 1


def test_gaps_show_the_fill_value_and_are_missing_in_the_coverage() -> None:
    rows = Append(fill=-1, first=1).add(4, 40).add(1, 10)
    assert np.asarray(rows.snapshot()["data"]).tolist() == [10, -1, -1, 40]
    assert rows.coverage == RangeSet([(1, 2), (4, 5)])
    table = Table(units={"x": "mm"}).add(2, {"x": 1.0}).snapshot()
    assert np.isnan(table["x"][:2]).all()
    assert table["x_attrs"] == {"units": "mm"}


def test_a_partial_far_into_a_run_is_as_small_as_its_rows() -> None:
    encoded = encode(Append().add(10_000_000, 1.0))
    assert encoded.nbytes < 1000


@pytest.mark.parametrize("how", ["mean", "last"])
def test_a_partial_of_a_large_grid_is_as_small_as_what_it_reached(how: Any) -> None:
    edges = np.linspace(0, 1, 11)
    map2d = Map2D(edges, edges, how=how).add(3, 7.0, 0.55, 0.25)
    assert map2d.wire_state()["cells"]["arrays"]["value"].shape == (1, 1)
    assert encode(Histogram(edges).add(3, 0.5)).nbytes < 1000
    shown = through_the_wire(map2d).snapshot()
    assert shown["map"].shape == (10, 10)
    assert shown["map"][2, 5] == 7.0
    assert np.isnan(shown["map"]).sum() == 99


def test_a_waterfall_shows_the_last_events_and_lets_go_of_the_others() -> None:
    waterfall = Waterfall(3)
    for event in (9, 5, 7, 8, 2):
        waterfall.add(event, [event, event])
    shown = waterfall.snapshot()
    assert np.asarray(shown["data"]).tolist() == [[7, 7], [8, 8], [9, 9]]
    assert shown["event"].tolist() == [7, 8, 9]
    assert list(waterfall.coverage) == [(2, 3), (5, 6), (7, 10)]


def test_the_signal_of_a_table_is_its_first_column_of_numbers() -> None:
    shown = Table().add(0, {"name": "a", "x": 1.5, "y": 2}).snapshot()
    assert shown["_attrs"] == {"NX_class": "NXdata", "signal": "x", "auxiliary_signals": ["y"]}
    assert Table().add(0, {"name": "a", "kind": "b"}).snapshot()["_attrs"]["signal"] == "kind"


@pytest.mark.parametrize(
    ("attempt", "sentence"),
    [
        (lambda: Sum().add(0, np.zeros(3)).add(1, np.zeros(4)), "shape"),
        (lambda: Sum().add(0, "text"), "add numbers"),
        (lambda: Sum().add(-1, 1), "event number"),
        (lambda: Mean().add(0, 1j), "add numbers"),
        (lambda: Append().add(3, 1).add(3, 1), "a row already"),
        (lambda: Append().add(3, 1).merge(Append().add(3, 1)), "a row already"),
        (lambda: Append().add(0, object()), "Python objects"),
        (lambda: Append().add(0, 1).add(1, "text"), "one kind"),
        (lambda: Append(first=4).add(3, 1), "before the first row"),
        (lambda: Append(fill=0.5).add(0, 1), "fill value"),
        (lambda: Table().add(0, {"a": 1}).add(0, {"b": 1}), "a row already"),
        (lambda: Table().add(0, {"a": 1}).merge(Table().add(0, {"b": 1})), "a row already"),
        (lambda: Histogram([0, 1]).add(0, 1, 2), "x alone"),
        (lambda: Histogram([0, 1]).add(0, 1, weight=2), "weighted=True"),
        (lambda: Histogram(Bins(width=1e-6)).add(0, [0, 1e6]), "grow"),
        (
            lambda: Histogram(Bins(width=1e-6)).add(0, 0).merge(Histogram(Bins(width=1e-6)).add(1, 1e6)),
            "grow",
        ),
        (lambda: Histogram([0, 1]).merge(Histogram([0, 2])), "the same way"),
        (lambda: Histogram([1, 0]), "above the one before"),
        (Bins, "one of them"),
        (lambda: Map2D([0, 1]), "give both or none"),
        (lambda: Map2D(how="median"), "how is"),  # type: ignore[arg-type]
        (lambda: Map2D(how="sum").merge(Map2D()), "the same way"),
        (lambda: Map2D().merge(Map2D([0, 1], [0, 1])), "the same way"),
        (lambda: Latest(0), "from 1 on"),
        (lambda: Latest(2).merge(Latest(3)), "the same way"),
        (lambda: Waterfall(0), "at least one row"),
        (lambda: Waterfall().add(0, 1.0), "one spectrum"),
        (lambda: Sum().merge(Mean()), "merges with a Sum"),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_go_together_is_refused_in_a_sentence(
    attempt: Callable[[], Any], sentence: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=sentence):
        attempt()


@pytest.mark.parametrize("name", ALL)
def test_a_refused_merge_has_changed_nothing(name: str) -> None:
    make, value = ALL[name]
    result = make().add(3, *value(3))
    before, version = copy.deepcopy(plain(result.snapshot())), result.version
    with pytest.raises((ValueError, TypeError)):
        result.merge(Sum().add(1, np.zeros(99)) if not isinstance(result, Sum) else Mean())
    assert_same(result.snapshot(), before)
    assert result.version == version


def test_results_by_name_merge_all_or_none() -> None:
    publish: dict[str, Any] = {}
    merge_into(publish, {"sum": Sum().add(0, 1), "fit": {"mean": Mean().add(0, 1.0)}})
    merge_into(
        publish, {"sum": Sum().add(1, 2), "fit": {"mean": Mean().add(1, 3.0)}, "new": Latest().add(1, 7)}
    )
    assert publish["sum"].value == 3
    assert publish["fit"]["mean"].value == 2.0
    assert publish["new"].value == 7
    with pytest.raises(ValueError, match="shape"):
        merge_into(publish, {"sum": Sum().add(2, 9), "fit": {"mean": Mean().add(2, [1.0, 2.0])}})
    assert publish["sum"].value == 3
    with pytest.raises(TypeError, match=r"result\['other'\] is a float, which does not merge"):
        merge_into(publish, {"other": 1.0})
    reducer = MergingReducer()
    assert reducer.publish == {}


def test_a_table_of_many_rows_holds_what_its_partials_held() -> None:
    whole = Table()
    for first in range(0, 3000, 3):
        partial = Table().add(first, {"x": first / 2, "y": 1.0})
        partial.merge(Table().add(first + 1, {"x": -1.0, "y": float(first)}))
        partial.merge(Table().add(first + 2, {"y": 3.0, "x": 2.5}))
        whole.merge(partial)
    shown = whole.snapshot()
    expected = np.array([[first / 2, -1.0, 2.5] for first in range(0, 3000, 3)]).reshape(-1)
    np.testing.assert_array_equal(np.asarray(shown["x"]), expected)
    assert np.asarray(shown["y"])[2998] == 2997.0
    assert shown["coverage"].tolist() == [[0, 3000]]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"x": object()}, "Python objects"),
        ({"x": np.zeros(2)}, "shape"),
        ({"x": "text"}, "values of one kind"),
    ],
)
def test_a_row_that_does_not_go_with_those_just_added_changes_nothing(
    row: dict[str, Any], problem: str
) -> None:
    table = Table(first=2).add(5, {"x": 1.0}).add(6, {"x": 2.0})
    with pytest.raises((TypeError, ValueError), match=problem):
        table.add(7, row)
    with pytest.raises(ValueError, match="comes before the first row"):
        table.add(1, {"x": 1.0})
    if problem != "Python objects":
        with pytest.raises((TypeError, ValueError), match=problem):
            table.merge(Table(first=2).add(7, row))
    table.add(7, {"x": 3.0})
    np.testing.assert_array_equal(np.asarray(table.snapshot()["x"])[3:], [1.0, 2.0, 3.0])
