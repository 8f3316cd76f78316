"""Measures of quality against what is known: the errors of normal and Poisson noise, how a map with noise converges, a beam that fails."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest

from beamloom.analysis.quality import Convergence, CountingError, LowRate, RelativeError

rng = np.random.default_rng


def test_the_error_of_a_mean_is_that_of_normal_noise() -> None:
    noise = rng(1).normal(100.0, 5.0, 4000)
    measure = RelativeError(0.001)
    reached = [count for count, value in enumerate(noise, 1) if measure.add(value)]
    # 5 / (100 sqrt(n)) = 0.001 at n = 2500; the deviation of n values is known to 1 / sqrt(2 n).
    assert reached[0] == pytest.approx(2500, rel=0.1)
    values = noise[: measure.count]
    assert measure.error == pytest.approx(
        values.std(ddof=1) / math.sqrt(values.size) / values.mean(), rel=1e-12
    )
    assert measure.mean == pytest.approx(values.mean(), rel=1e-12)
    assert measure.reached


def test_of_a_roi_the_worst_pixel_counts_but_dead_ones_may_be_left_out() -> None:
    frames = rng(2).poisson([[100.0, 400.0], [25.0, 0.0]], (500, 2, 2))
    whole, living = RelativeError(0.01), RelativeError(0.01, but=0.25)
    answers = [(whole.add(frame), living.add(frame)) for frame in frames]
    assert not whole.reached
    assert whole.error == math.inf
    # The third pixel: 1 / sqrt(25 n) = 0.01 at n = 400.
    assert next(n for n, (_, one) in enumerate(answers, 1) if one) == pytest.approx(400, rel=0.12)


def test_few_values_are_not_enough_however_alike_they_are() -> None:
    measure = RelativeError(0.5, least=5)
    assert [measure.add(7.0) for _ in range(6)] == [False, False, False, False, True, False]
    assert measure.error == 0.0


def test_counts_have_the_error_of_poisson() -> None:
    measure = CountingError(0.01)
    answers = [measure.add([30, 20]) for _ in range(250)]
    assert answers.index(True) == 199  # 10,000 counts
    assert sum(answers) == 1
    assert measure.error == pytest.approx(1 / math.sqrt(12_500))


def test_a_map_converges_when_its_noise_is_small_and_not_before() -> None:
    truth = 10 + np.add.outer(np.sin(np.linspace(0, 6, 40)), np.cos(np.linspace(0, 5, 30)))
    measure = Convergence(0.01, growth=1.5, quiet=2)
    noise, total, when = rng(3), np.zeros_like(truth), None
    changes: dict[int, float] = {}
    for n in range(1, 400):
        total += truth + noise.normal(0.0, 1.0, truth.shape)
        turned = measure.look(total / n, n)
        changes[n] = measure.change
        when = n if turned else when
    size = math.sqrt(np.mean(truth**2))
    looked = [n for n in changes if changes[n] != changes.get(n - 1) and math.isfinite(changes[n])]
    for before, n in itertools.pairwise(looked):
        # Two means that share the first values differ by sigma sqrt(1/a - 1/b).
        expected = math.sqrt(1 / before - 1 / n) / size
        assert changes[n] == pytest.approx(expected, rel=0.1)
    small = [n for n in looked if changes[n] <= 0.01]
    assert when == small[1]


def test_a_map_that_still_grows_has_not_converged() -> None:
    measure = Convergence(0.01, growth=1.01, quiet=1)
    field = np.full(100, np.nan)
    answers = []
    for place in range(100):
        field[place] = 5.0
        answers.append(measure.look(field, place + 1))
    assert not any(answers[:-2])
    assert measure.look(lambda: field, 200)


def test_a_beam_that_fails_is_seen_by_the_time_of_events_in_any_order() -> None:
    chance = rng(4)
    times = np.arange(0, 60, 0.01)
    hits = chance.random(times.size) < np.where(times < 30, 0.3, 0.01)
    order = np.argsort(times + chance.uniform(0, 0.5, times.size))
    measure = LowRate(0.05, seconds=10)
    turned = [times[place] for place in order if measure.add(bool(hits[place]), float(times[place]))]
    # 0.3 (10 - t) / 10 + 0.01 t / 10 = 0.05 at t = 8.6 s behind the failure.
    assert turned == [pytest.approx(38.6, abs=0.6)]
    assert measure.rate == pytest.approx(0.01, abs=0.007)
    assert len(measure._bins) <= 65


def test_a_rate_recovers_and_may_fall_again() -> None:
    measure = LowRate(0.5, seconds=1.0)
    hits = [0.0] * 20 + [1.0] * 30 + [0.0] * 30
    turned = [place for place, hit in enumerate(hits) if measure.add(hit > 0, place / 10)]
    assert len(turned) == 2
    assert turned[0] == 10


def test_a_copy_goes_on_as_the_original_would() -> None:
    noise = rng(5).normal(10.0, 1.0, 300)
    one = RelativeError(0.01)
    for value in noise[:100]:
        one.add(value)
    other = copy.deepcopy(one)
    assert [one.add(value) for value in noise[100:]] == [other.add(value) for value in noise[100:]]
    assert one.error == other.error


@pytest.mark.parametrize(
    "make",
    [
        lambda: RelativeError(0.0),
        lambda: RelativeError(0.1, least=1),
        lambda: RelativeError(0.1, but=1.0),
        lambda: CountingError(-1.0),
        lambda: Convergence(0.0),
        lambda: Convergence(0.1, growth=1.0),
        lambda: LowRate(0.0, 1.0),
        lambda: LowRate(0.1, 0.0),
        lambda: LowRate(0.1, 1.0).add(True, math.nan),
    ],
)
def test_what_makes_no_sense_is_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"it is|an error needs"):
        make()  # type: ignore[operator]


def test_frames_of_another_shape_are_refused() -> None:
    measure = RelativeError(0.1)
    measure.add([1.0, 2.0])
    with pytest.raises(ValueError, match="shape"):
        measure.add([1.0, 2.0, 3.0])
