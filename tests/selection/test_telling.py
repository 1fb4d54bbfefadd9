"""Whether seeds tell a config from a worse one, against closed forms."""

import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import stdtrit

from hpsearch.selection.ranking import prediction_interval, seed_statistics
from hpsearch.selection.telling import SHARE, SeedsToTell, interval_width, search_spread, seeds_to_tell
from hpsearch.trial.trial import Direction

MAX, MIN = Direction.MAXIMIZE, Direction.MINIMIZE


def test_the_spread_is_from_the_best_trial_to_the_median_one():
    assert search_spread([0.5, 0.9, 0.6, 0.1], MAX) == pytest.approx(0.9 - 0.55)
    assert search_spread([0.5, 0.9, 0.6, math.inf, math.nan, 0.1], MIN) == pytest.approx(0.55 - 0.1)
    assert search_spread([1.0, 1.0], MAX) == 0
    assert search_spread([1.0, math.nan], MAX) is None
    assert search_spread([], MAX) is None


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=8), st.integers(1, 9))
def test_the_width_is_the_prediction_intervals(values, k):
    low, high = prediction_interval(values, k)
    width = interval_width(statistics.stdev(values), len(values), k)
    assert width == pytest.approx(high - low, rel=1e-9, abs=1e-9)


def width(std, n, k):
    return 2 * stdtrit(n - 1, 0.975) * std * math.sqrt(1 / n + 1 / k)


def test_new_seeds_narrow_it_to_what_the_finalists_own_leave():
    promised, found = seed_statistics([-1, 0, 1, 0]), seed_statistics([0, 0])
    std = math.sqrt(2 / 3)
    assert seeds_to_tell(promised, found, width(std, 4, 11) * 1.0001).new == 11
    assert seeds_to_tell(promised, found, width(std, 4, 11) * 0.9999).new == 12
    limit = 2 * stdtrit(3, 0.975) * std / 2  # of endless new seeds
    assert seeds_to_tell(promised, found, limit * 1.01).new > 100
    assert seeds_to_tell(promised, found, limit * 0.99).new is None


def test_seeds_of_each_by_the_pooled_deviation():
    promised, found = seed_statistics([-1, 1]), seed_statistics([0, 0, 3, 3])
    each = seeds_to_tell(promised, found, 2.0).each
    std = math.sqrt((2 + 9) / (1 + 3))
    assert width(std, each, each) <= 2.0 < width(std, each - 1, each - 1)
    each = seeds_to_tell(promised, seed_statistics([0]), 2.0).each
    assert width(math.sqrt(2), each, each) <= 2.0 < width(math.sqrt(2), each - 1, each - 1)


def test_what_a_thousand_seeds_would_not_tell_is_none():
    promised = seed_statistics([0, 1])
    assert seeds_to_tell(promised, seed_statistics([0, 1]), 1e-3) == SeedsToTell(new=None, each=None)


def test_one_seed_of_the_finalist_needs_more():
    one, two = seed_statistics([0]), seed_statistics([0, 1])
    assert seeds_to_tell(one, one, 1.0) is None
    needed = seeds_to_tell(one, two, 1.0)
    assert needed.new is None
    std = math.sqrt(1 / 2)
    assert width(std, needed.each, needed.each) <= 1.0 < width(std, needed.each - 1, needed.each - 1)


def test_a_config_that_lost_half_of_the_gain_is_seen_where_the_interval_tells():
    rng, seen, told = random.Random(3), 0, 0
    n = 5
    spread = width(1.0, n, n) / SHARE  # of a search whose gain this many seeds just tell, on average
    for _ in range(4000):
        low, high = prediction_interval([rng.gauss(0, 1) for _ in range(n)], n)
        if high - low > SHARE * spread:
            continue
        told += 1
        mean = sum(rng.gauss(-spread / 2, 1) for _ in range(n)) / n
        seen += not low <= mean <= high
    assert told > 1500
    assert seen / told > 0.97
