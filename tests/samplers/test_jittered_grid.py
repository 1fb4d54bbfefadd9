import itertools
import math
from collections import Counter

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hpsearch.errors import FieldError, SpaceUsedUpError
from hpsearch.objectives.space_files import load_space_file
from hpsearch.samplers import JitteredGridSampler, choose_levels
from hpsearch.samplers.jittered_grid import grid_cell
from hpsearch.space.parsing import parse_space
from support import strategies
from support.paths import ROOT

CNN = ROOT / "spaces" / "cnn.yaml"
axes = st.lists(st.integers(1, 9), min_size=1, max_size=5)


def cells(levels, count, seed=0):
    return [grid_cell(number, levels, seed) for number in range(count)]


def imbalances(levels, visited):
    """Yield, after each cell, the largest difference between the counts of two levels of an axis."""
    counts = [Counter(dict.fromkeys(range(n), 0)) for n in levels]
    for cell in visited:
        for count, level in zip(counts, cell, strict=True):
            count[level] += 1
        yield max(max(count.values()) - min(count.values()) for count in counts)


@given(axes, strategies.seeds)
@settings(max_examples=60)
def test_each_pass_has_every_cell_once(levels, seed):
    total = math.prod(levels)
    assume(total <= 300)
    visited = cells(levels, 2 * total, seed)
    everything = set(itertools.product(*map(range, levels)))
    assert set(visited[:total]) == everything
    assert set(visited[total:]) == everything


@given(axes, strategies.seeds)
@settings(max_examples=60)
def test_every_prefix_is_balanced_over_passes_too(levels, seed):
    count = min(500, 2 * math.prod(levels) + 7)
    assert max(imbalances(levels, cells(levels, count, seed))) <= 1


@pytest.mark.parametrize("levels", [(4, 8), (8, 4), (6, 4), (7, 7), (6, 4, 8, 7), (12, 18, 30)])
def test_axes_with_a_common_divisor_are_not_tied(levels):
    for i, j in itertools.combinations(range(len(levels)), 2):
        pairs = {(cell[i], cell[j]) for cell in cells(levels, 4 * max(levels))}
        # A diagonal has as many pairs as the least common multiple at most, and would stay at 8 for 4 and 8.
        assert len(pairs) > 1.5 * max(levels[i], levels[j])


def test_a_pass_has_its_own_order():
    visited = cells((5, 4), 40)
    assert visited[:20] != visited[20:]


def test_seeds_have_their_own_order():
    assert cells((5, 4), 20, seed=0) != cells((5, 4), 20, seed=1)


def test_the_first_48_configs_of_cnn_are_spread_over_pairs():
    space = load_space_file(CNN).space
    levels = choose_levels(space, 48, {})
    assert levels == {"lr": 7, "batch_size": 4, "weight_decay": 8, "dropout": 7}
    coverage, correlations = Counter(), []
    for seed in range(8):
        visited = cells(tuple(levels.values()), 48, seed)
        for (i, a), (j, b) in itertools.combinations(enumerate(levels), 2):
            coverage[a, b] += len({(cell[i], cell[j]) for cell in visited}) / 8
            correlations.append(abs(correlation([cell[i] for cell in visited], [cell[j] for cell in visited])))
    assert coverage["lr", "batch_size"] == 28
    assert coverage["batch_size", "weight_decay"] == 32
    assert coverage["lr", "dropout"] >= 48
    assert min(coverage.values()) > 20
    assert sum(correlations) / len(correlations) < 0.15  # 0.115 for independent draws
    assert max(correlations) < 0.55


def correlation(x, y):
    n = len(x)
    mean_x, mean_y = sum(x) / n, sum(y) / n
    covariance = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return covariance / math.sqrt(sum((a - mean_x) ** 2 for a in x) * sum((b - mean_y) ** 2 for b in y))


def test_no_jitter_takes_the_centres():
    sampler = JitteredGridSampler.from_dict({"x": {"uniform": [0, 1]}}, levels={"x": 4}, jitter=0.0)
    assert sorted(sampler.draw(i)["x"] for i in range(4)) == [0.125, 0.375, 0.625, 0.875]
    assert {sampler.candidate(i, 0)["x"] for i in range(40)} == {0.125, 0.375, 0.625, 0.875}
    with pytest.raises(SpaceUsedUpError, match="used up"):
        sampler.draw(4)


@pytest.mark.parametrize("jitter", [0.3, 1.0])
def test_jitter_stays_in_the_cell_and_fills_its_share(jitter):
    sampler = JitteredGridSampler.from_dict({"x": {"uniform": [0, 4]}}, levels={"x": 4}, jitter=jitter)
    offsets = []
    for number in range(400):
        value = sampler.draw(number)["x"]
        (level,) = grid_cell(number, (4,), 0)
        offsets.append(value - level - 0.5)
    assert max(map(abs, offsets)) <= jitter / 2
    assert max(offsets) > 0.48 * jitter
    assert min(offsets) < -0.48 * jitter


def test_levels_are_equal_in_the_log_scale():
    sampler = JitteredGridSampler.from_dict({"lr": {"loguniform": [1e-4, 1]}}, levels={"lr": 4}, jitter=1.0)
    decades = [sorted(math.floor(math.log10(sampler.draw(4 * p + i)["lr"])) for i in range(4)) for p in range(20)]
    assert decades == [[-4, -3, -2, -1]] * 20


def test_few_values_come_evenly():
    sampler = JitteredGridSampler.from_dict({"n": {"randint": [1, 5]}, "q": {"quniform": [0, 0.4, 0.1]}}, trials=100)
    assert sampler.levels == {"n": 5, "q": 5}
    configs = [sampler.space.config_of(sampler.candidate(i, 0)) for i in range(100)]
    assert Counter(c["n"] for c in configs) == dict.fromkeys(range(1, 6), 20)
    assert Counter(c["q"] for c in configs) == dict.fromkeys((0.0, 0.1, 0.2, 0.3, 0.4), 20)


SPACE = parse_space(
    {
        "lr": {"loguniform": [1e-4, 1e-1]},
        "wide": {"loguniform": [1e-12, 1.0]},
        "x": {"uniform": [0, 1]},
        "n": {"randint": [1, 3]},
        "c": {"choice": ["a", "b"]},
    }
)


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (1, {"lr": 3, "wide": 3, "x": 2, "n": 2, "c": 2}),
        (8, {"lr": 6, "wide": 8, "x": 3, "n": 3, "c": 2}),
        (48, {"lr": 7, "wide": 24, "x": 7, "n": 3, "c": 2}),
        (400, {"lr": 20, "wide": 24, "x": 20, "n": 3, "c": 2}),
        (10**8, {"lr": 1000, "wide": 1000, "x": 1000, "n": 3, "c": 2}),
    ],
)
def test_levels_follow_from_trials_and_decades(trials, expected):
    assert choose_levels(SPACE, trials, {}) == expected


def test_given_levels_are_taken():
    assert choose_levels(SPACE, 48, {"x": 11, "n": 2, "c": 2}) == {"lr": 7, "wide": 24, "x": 11, "n": 2, "c": 2}
    assert choose_levels(SPACE, 48, {"n": 50})["n"] == 3


@pytest.mark.parametrize(
    ("given_levels", "message"),
    [
        ({"c": 3}, "search.levels.c: found 3; allowed: 2, one for each choice"),
        ({"lrr": 3}, "search.levels.lrr: 'lrr' is not a parameter; .*did you mean 'lr'"),
        ({"x": 0}, "search.levels.x: found 0; allowed: an integer >= 1"),
        ({"x": 1001}, "search.levels.x: found 1001"),
    ],
)
def test_wrong_levels_are_refused(given_levels, message):
    with pytest.raises(FieldError, match=message):
        choose_levels(SPACE, 48, given_levels)


def test_a_grid_needs_levels_for_each_parameter():
    with pytest.raises(FieldError, match=r"search\.levels\.lr: has no levels"):
        JitteredGridSampler(SPACE, 0, {"x": 3})


@pytest.mark.parametrize("jitter", [-0.1, 1.1, math.nan])
def test_jitter_is_from_0_to_1(jitter):
    with pytest.raises(ValueError, match="allowed: from 0 to 1"):
        JitteredGridSampler(SPACE, 0, choose_levels(SPACE, 48, {}), jitter)
