"""The covariance of curves and its gradient."""

import numpy as np
import pytest

from hpsearch.samplers.auto.kernel import CurveKernel, Places
from hpsearch.samplers.auto.posterior import Evidence, Posterior, log_improvement

GROUPS = np.array([0, 1, 2, 2, 2])  # two ranges, and a choice of three


@pytest.fixture
def evidence():
    generator = np.random.default_rng(0)
    places = Places(generator.random((40, 5)), generator.random(40), generator.integers(0, 10, 40))
    targets = generator.standard_normal(40)
    return Evidence(places=places, targets=targets, extra=0.1 * generator.random(40))


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_that_of_finite_differences(evidence, seed):
    kernel = CurveKernel(GROUPS)
    at = kernel.prior + 0.4 * np.random.default_rng(seed).standard_normal(len(kernel.prior))

    def loss(parameters):
        return kernel.loss(parameters, evidence.places, evidence.targets, evidence.extra)

    differences = [(loss(at + step)[0] - loss(at - step)[0]) / 2e-5 for step in 1e-5 * np.eye(len(at))]
    assert loss(at)[1] == pytest.approx(np.array(differences), abs=1e-5)


def test_a_fit_improves_on_the_prior(evidence):
    kernel = CurveKernel(GROUPS)
    found = kernel.fit(evidence.places, evidence.targets, evidence.extra)
    before, after = (
        kernel.loss(one, evidence.places, evidence.targets, evidence.extra)[0] for one in (kernel.prior, found)
    )
    assert after < before


def test_curves_that_were_measured_are_known(evidence):
    kernel = CurveKernel(GROUPS)
    parameters = kernel.prior.copy()
    parameters[kernel.lengths + 4] = np.log(1e-5)
    sure = Evidence(places=evidence.places, targets=evidence.targets, extra=np.zeros(40))
    ends = Posterior(kernel, parameters, sure).ends(evidence.places)
    assert ends.mean == pytest.approx(evidence.targets, abs=0.05)
    assert ends.variance.max() < 1e-3


def test_what_is_assumed_shrinks_variances_as_a_measurement_would(evidence):
    kernel = CurveKernel(GROUPS)
    asked = Places(evidence.places.coordinates[:3] + 0.1, np.ones(3), np.array([20, 21, 22]))
    ends = Posterior(kernel, kernel.prior, evidence).ends(asked)
    before = ends.variance.copy()
    ends.assume(0)
    ends.assume(1)
    places = Places(
        np.concatenate([evidence.places.coordinates, asked.coordinates[:2]]),
        np.concatenate([evidence.places.times, [1, 1]]),
        np.concatenate([evidence.places.trials, [20, 21]]),
    )
    extra = np.concatenate([evidence.extra, [0.05, 0.05]])
    known = Evidence(places=places, targets=np.zeros(42), extra=extra)
    assert (ends.variance < before).all()
    assert ends.variance == pytest.approx(Posterior(kernel, kernel.prior, known).ends(asked).variance, abs=1e-9)


def test_the_logarithm_of_improvement_is_exact_far_below():
    z = np.array([-40.0, -8.001, -7.999, -1.0, 0.0, 5.0])
    found = log_improvement(z)
    assert np.diff(found).min() > 0
    assert found[3] == pytest.approx(np.log(0.0833154705876861))
    assert found[5] == pytest.approx(np.log(5.0), abs=1e-6)
    assert found[1] == pytest.approx(found[2], abs=0.1)
