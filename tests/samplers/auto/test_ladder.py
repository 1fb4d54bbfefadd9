"""Where legs end, and how training is balanced over depth."""

from itertools import pairwise

import numpy as np
import pytest

from hpsearch.samplers.auto.ladder import Balance, band_edges, leg_ends, shown_epochs


@pytest.mark.parametrize("epochs", [1, 2, 5, 52, 350, 10_000])
def test_legs_and_bands_rise_to_the_full_length(epochs):
    for ends in (leg_ends(epochs), band_edges(epochs)):
        assert ends[-1] == epochs
        assert all(one < other for one, other in pairwise(ends))
    assert len(leg_ends(epochs)) < 20
    assert shown_epochs(epochs) >= {1, epochs}
    assert len(shown_epochs(epochs)) < 35


def test_epochs_are_counted_in_their_bands():
    balance = Balance(52)
    assert band_edges(52) == (0, 3, 9, 27, 52)
    assert balance.spent(np.array([2, 9, 30, 52])).tolist() == [2 + 3 * 3, 6 * 3, 18 * 2, 3 + 25]
    assert balance.band(np.array([0, 2, 3, 26, 27, 51])).tolist() == [0, 0, 1, 2, 3, 3]
