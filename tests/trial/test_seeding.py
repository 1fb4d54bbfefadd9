from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.trial.seeding import below, derive_seed, permutation, unit
from support import strategies


def test_known_values_so_that_a_change_of_the_hash_is_noticed():
    assert derive_seed(0, "search", 0, 0) == 320614662
    assert unit(0, "random", 0, "lr") == 0.4934580531831172
    assert below(1000, 7, "x") == 522
    assert permutation(8, 3, "grid") == [6, 3, 1, 7, 0, 4, 2, 5]


def test_keys_are_kept_apart():
    keys = [("1", 2), (1, "2"), (1, 2), ("12",), (12,), ("1", "2"), (), ("",), ("1, 2",)]
    assert len({unit(*key) for key in keys}) == len(keys)


@given(strategies.seeds, st.text())
def test_ranges(seed, name):
    assert 0 <= derive_seed(seed, name) < 2**32
    assert 0 <= unit(seed, name) < 1
    assert 0 <= below(3, seed, name) < 3


@given(st.integers(0, 60), strategies.seeds)
def test_a_permutation_has_everything_once(length, seed):
    assert sorted(permutation(length, seed)) == list(range(length))


def test_permutations_are_uniform():
    counts = Counter(tuple(permutation(3, seed)) for seed in range(6000))
    assert len(counts) == 6
    assert max(abs(count - 1000) for count in counts.values()) < 120  # 4 standard deviations of 29


def test_units_are_uniform_over_numbers():
    numbers = sorted(unit(0, "random", i, "lr") for i in range(10_000))
    distance = max(abs(x - i / 10_000) for i, x in enumerate(numbers))
    assert distance < 0.0163  # Kolmogorov-Smirnov at 1 %


def test_units_of_neighbouring_keys_are_not_correlated():
    a = [unit(0, "random", i, "a") - 0.5 for i in range(5000)]
    b = [unit(0, "random", i, "b") - 0.5 for i in range(5000)]
    shifted = a[1:] + a[:1]
    for other in (b, shifted):
        assert sum(x * y for x, y in zip(a, other, strict=True)) * 12 / 5000 == pytest.approx(0, abs=0.05)
