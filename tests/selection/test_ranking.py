import math
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from hpsearch.selection import ranking
from hpsearch.selection.ranking import (
    Finalist,
    Leaders,
    finalist,
    identical_replicates,
    rank_finalists,
    seed_statistics,
    top,
    winner,
)
from hpsearch.selection.student import t_quantile
from hpsearch.trial.trial import Direction, Stage, State, StopReason, TrialRecord

MAX, MIN = Direction.MAXIMIZE, Direction.MINIMIZE
finite = st.floats(-1e6, 1e6, allow_nan=False)


def trial(number, value, reason=StopReason.FINISHED, **fields):
    fields = {"stage": Stage.SEARCH, "params": {"lr": 0.1}, "state": reason.state, "stop_reason": reason} | fields
    return TrialRecord(number=number, value=value, **fields)


def replicate(number, value, *, source=3, reason=StopReason.FINISHED, **fields):
    fields = {"replicate": number, "seed": 100 + number} | fields
    return trial(number, value, reason, stage=Stage.FINALISTS, source=source, **fields)


def numbers(records):
    return [record.number for record in records]


def test_top_ranks_by_value_in_both_directions():
    records = [trial(0, 0.2), trial(1, 0.9), trial(2, 0.5)]
    assert numbers(top(records, MAX, 2)) == [1, 2]
    assert numbers(top(records, MIN, 2)) == [0, 2]


def test_top_gives_ties_to_the_lower_number_whatever_the_order():
    records = [trial(number, 0.5) for number in (4, 1, 5, 0, 3, 2)]
    assert numbers(top(records, MAX, 3)) == numbers(top(records, MIN, 3)) == [0, 1, 2]


def test_a_stalled_trial_can_win_and_an_outclassed_diverged_or_failed_one_cannot():
    barred = [r for r in StopReason if r not in (StopReason.FINISHED, StopReason.STALLED)]
    records = [trial(number, 0.99, reason) for number, reason in enumerate(barred)]
    records += [trial(20, 0.8, StopReason.STALLED), trial(21, 0.7), trial(22, None)]
    records.append(trial(23, 0.99, state=State.RUNNING, stop_reason=None))
    assert numbers(top(records, MAX, 99)) == [20, 21]


def test_top_of_none_is_empty_and_a_negative_k_is_refused():
    assert top([trial(0, 1.0)], MAX, 0) == top([], MAX, 5) == []
    with pytest.raises(ValueError, match="k is -1"):
        top([], MAX, -1)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(finite, st.sampled_from(StopReason)), max_size=12), st.sampled_from(Direction), st.integers(0, 5)
)
def test_nothing_eligible_beats_what_is_in_the_top(rows, direction, k):
    records = [trial(number, value, reason) for number, (value, reason) in enumerate(rows)]
    chosen = top(reversed(records), direction, k)
    rest = [r for r in records if r.eligible and r not in chosen]
    assert all(not direction.better(r.value, c.value) for r in rest for c in chosen)
    assert len(chosen) == min(k, sum(r.eligible for r in records))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1.0, 2.0, math.nan, None]), st.sampled_from(StopReason)), max_size=12),
    st.sampled_from(Direction),
    st.integers(0, 4),
    st.randoms(use_true_random=False),
)
def test_leaders_are_the_first_of_all_that_were_sorted_after_each_trial(rows, direction, k, shuffler):
    records = [trial(number, value, reason) for number, (value, reason) in enumerate(rows)]
    shuffler.shuffle(records)
    leaders, out = Leaders(direction, k), []
    for count, record in enumerate(records, 1):
        pushed = leaders.add(record)
        out += [] if pushed is None else [pushed]
        rivals = [r for r in records[:count] if r.eligible and math.isfinite(r.value)]
        best = sorted(rivals, key=lambda r: (-direction.sign * r.value, r.number))[:k]
        assert leaders.records == best == top(records[:count], direction, k)
        assert sorted(numbers(best) + numbers(out)) == sorted(numbers(records[:count]))


def test_seed_statistics_are_those_of_a_textbook():
    found = seed_statistics([0.90, 0.92, 0.94, 0.91, 0.93], n_failed=1)
    assert (found.n, found.n_failed, found.values) == (5, 1, (0.90, 0.92, 0.94, 0.91, 0.93))
    assert found.mean == pytest.approx(0.92)
    assert found.std == pytest.approx(math.sqrt(0.00025))
    half = 2.776445105 * math.sqrt(0.00025 / 5)  # t(0.975, 4) of a printed table
    assert found.ci95 == pytest.approx((0.92 - half, 0.92 + half))


def test_two_values_have_the_wide_interval_of_one_degree_of_freedom():
    found = seed_statistics([0.0, 1.0])
    assert found.ci95 == pytest.approx((0.5 - 12.7062047 / 2, 0.5 + 12.7062047 / 2))


def test_too_few_values_have_no_spread():
    one, none = seed_statistics([0.5]), seed_statistics([], n_failed=3)
    assert (one.n, one.mean, one.std, one.ci95) == (1, 0.5, None, None)
    assert (none.n, none.n_failed, none.mean, none.std, none.ci95) == (0, 3, None, None, None)


def test_equal_values_have_no_spread_at_all():
    found = seed_statistics([0.1] * 3)
    assert (found.mean, found.std, found.ci95) == (0.1, 0.0, (0.1, 0.1))


@pytest.mark.parametrize(("values", "n_failed"), [([0.1, math.nan], 0), ([math.inf], 0), ([0.1], -1)])
def test_statistics_of_nonsense_are_refused(values, n_failed):
    with pytest.raises(ValueError, match="allowed: finite values"):
        seed_statistics(values, n_failed)


@settings(max_examples=50, deadline=None)
@given(st.lists(finite, min_size=2, max_size=8), st.randoms(use_true_random=False))
def test_the_interval_holds_the_mean_and_order_does_not_matter(values, shuffler):
    shuffled = list(values)
    shuffler.shuffle(shuffled)
    found, again = seed_statistics(values), seed_statistics(shuffled)
    assert found.ci95[0] <= found.mean <= found.ci95[1]
    assert (found.mean, found.std, found.ci95) == (again.mean, again.std, again.ci95)
    assert found.std == pytest.approx(statistics.stdev(values))


def test_the_t_quantile_is_that_of_scipy_stats():
    from scipy import stats

    half = (seed_statistics([1.0, 2.0, 4.0]).ci95[1] - 7 / 3) / (statistics.stdev([1, 2, 4]) / math.sqrt(3))
    assert half == pytest.approx(stats.t.ppf(0.975, 2))


@pytest.mark.parametrize("degrees", range(1, 40))
def test_the_quantiles_that_are_written_down_are_those_of_scipy(degrees):
    assert t_quantile(degrees) == pytest.approx(float(stdtrit(degrees, 0.975)), rel=1e-14)


def test_a_finalist_joins_a_search_trial_with_its_replicates():
    search = trial(3, 0.95, params={"lr": 0.01})
    replicates = [replicate(1, 0.92), replicate(0, 0.90), replicate(2, None, reason=StopReason.ERROR)]
    replicates += [replicate(3, 0.99, reason=StopReason.DIVERGED), replicate(4, 0.5, state=State.RUNNING)]
    found = finalist(search, replicates, MAX)
    assert (found.source, found.params, found.search_value, found.seeds) == (3, {"lr": 0.01}, 0.95, (100, 101))
    assert found.statistics.values == (0.90, 0.92)
    assert (found.statistics.n, found.statistics.n_failed) == (2, 2)
    assert found.optimism == pytest.approx(0.04)


def test_optimism_is_positive_where_the_search_flattered_in_either_direction():
    assert finalist(trial(3, 0.10), [replicate(0, 0.15)], MIN).optimism == pytest.approx(0.05)
    assert finalist(trial(3, 0.10), [replicate(0, 0.15)], MAX).optimism == pytest.approx(-0.05)
    assert finalist(trial(3, 0.10), [], MAX).optimism is None


def test_a_finalist_of_mixed_sources_or_without_a_value_is_refused():
    with pytest.raises(ValueError, match=r"finalist trials \[0\] of other sources"):
        finalist(trial(3, 0.9), [replicate(0, 0.9, source=4)], MAX)
    with pytest.raises(ValueError, match="with value None"):
        finalist(trial(3, None), [], MAX)


def candidate(source, values, n_failed=0):
    return Finalist(
        source=source,
        params={},
        search_value=1.0,
        statistics=seed_statistics(values, n_failed),
        seeds=tuple(range(len(values))),
        optimism=None,
    )


def test_a_config_with_failed_seeds_ranks_after_those_without():
    lucky, steady, poor = candidate(0, [0.99, 0.98], n_failed=1), candidate(1, [0.90, 0.91]), candidate(2, [0.5])
    nothing = candidate(3, [], n_failed=2)
    ranked = rank_finalists([nothing, lucky, poor, steady], MAX)
    assert [f.source for f in ranked] == [1, 2, 0, 3]
    assert winner([nothing, lucky, poor, steady], MAX) is steady


def test_finalists_rank_by_mean_not_by_their_luckiest_seed():
    spread, even = candidate(0, [0.99, 0.80]), candidate(1, [0.90, 0.91])
    assert winner([spread, even], MAX) is even
    assert winner([spread, even], MIN) is spread


def test_equal_means_go_to_the_lower_source():
    assert [f.source for f in rank_finalists([candidate(7, [0.5]), candidate(2, [0.5])], MIN)] == [2, 7]


def test_there_is_no_winner_without_a_value():
    assert winner([], MAX) is None
    assert winner([candidate(0, [], n_failed=2), candidate(1, [])], MAX) is None


@pytest.mark.parametrize(
    ("curves", "identical"),
    [
        ([{1: 0.5, 2: 0.6}, {1: 0.5, 2: 0.6}, {2: 0.6, 1: 0.5}], True),
        ([{1: 0.5}, {1: 0.5 + 2**-53}], False),
        ([{1: math.nan, 2: 0.1}, {1: math.nan, 2: 0.1}], True),
        ([{1: 0.0}, {1: -0.0}], False),
        ([{1: 0.5, 2: 0.6}, {1: 0.5}], False),
        ([{1: 0.5}], False),
        ([], False),
        ([{}, {}], False),
    ],
)
def test_identical_replicates_are_bitwise_equal_curves(curves, identical):
    assert identical_replicates(curves) is identical


def test_neither_scipy_nor_numpy_loads_with_the_module():
    imports = [line for line in Path(ranking.__file__).read_text().splitlines() if line.startswith(("import", "from"))]
    assert not [line for line in imports if "scipy" in line or "numpy" in line]
